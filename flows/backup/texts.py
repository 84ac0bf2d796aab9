"""What the pages of backup sets say."""

from __future__ import annotations

from typing import Final

BACKUP_SETS: Final = "Backup sets"
BACKUP_LEAD: Final = "Kept copies of policies, put together in sets."
BACKUP_EMPTY_TITLE: Final = "No backup set yet"
BACKUP_EMPTY: Final = "A backup set keeps policies as they are at one moment."
BACKUP_NAME: Final = "Name of the new set"
BACKUP_CREATE: Final = "Create set"
BACKUP_ADD: Final = "Add policies"
BACKUP_PICK: Final = "Policies to add"
SET_ITEMS: Final = "{policies} policies, {items} versions"
BACK_TO_SETS: Final = "All backup sets"
CREATED_BY: Final = "Created by"
CAPTURED: Final = "Captured"
SIZE: Final = "Size"
ENCRYPTED: Final = "encrypted"
SET_EMPTY: Final = "This set holds no policy yet."
ADD_NEEDS_SYNC: Final = "There is no usable inventory sync to choose policies from: run an inventory sync first."
PICK_CAPPED: Final = "The first {count} policies are offered; the command line takes any."
PICK_NOTHING: Final = "Choose at least one policy."
CREATED: Final = "The set was created."
ICON: Final = ("M4 8h16v12H4z", "M3 4h18v4H3z", "M10 12h4")
