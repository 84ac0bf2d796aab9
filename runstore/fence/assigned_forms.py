"""What may stand between a credential's name and its value, before them and behind."""

from __future__ import annotations

import re
from typing import Final

# What may stand between a name and its value, and how sure it makes us. The strict ones are the syntax of assignments;
# a bare colon, `is` or a mere space is also plain prose, so the value must then look chosen by a machine or a policy.
ASSIGNMENT: Final = re.compile(
    # A credential made of a user's name and a password: NetworkCredential("svc", "…"), auth=("svc", "…").
    rb"(?P<strict>(?:\]::new|=\s?)?\(\s{0,3}+\\{0,7}[\"'][^\"'\\\n]{1,64}+\\{0,7}[\"']\s{0,3}+,\s{0,3}+(?=\\{0,7}[\"'])|\s?<<<\s?(?:[\"']?[\w.-]{1,40}+:|(?=[\"']))"
    # A name in JSON before an object that holds the value: "password": {"type": "string", "value": "…"}.
    rb"|\\{0,7}[\"']\s{0,4}+:\s{0,4}+\[?\s{0,9}+\{\s{0,40}+(?:\\{0,7}[\"']\w{1,30}+\\{0,7}[\"']\s?:\s?\\{0,7}[\"'][^\"'\\\n]{0,40}+"
    rb"\\{0,7}[\"'],\s{0,40}+)?\\{0,7}[\"']value\\{0,7}[\"']\s{0,4}+:"
    rb"|\\{0,7}\"\s\{[^{}]{0,200}?\bdefault\s{1,9}+=|:(?:\*\*|</\w{1,10}>)|&quot;\s?[:=,]\s?(?:&quot;)?|&gt;(?=[^&<>\s]{3,256}+&lt;/)"
    rb"|(?:\\{0,7}[\"'`]\]?|\]|\)|\*\*)\s{0,4}+(?:=>|->|={1,3}>?|:{1,3}=?|\|\|?)"
    rb"|\s{0,4}+(?:=>|->|<-|:{1,3}=|={1,3}>?|\xef\xbc\x9d|\?=|\?:|\|\|?:?|%3[dD])"
    # A block of YAML's, and the next line of a list of names and values; what a dialogue's script sends.
    rb"|[\"']?:[ \t]{0,2}+[|>](?:[+-]?[ \t]{0,4}+(?:\\{1,4}n|\n)|[+-](?=\s))|[\"']?[ \t]{0,24}+"
    rb"(?:(?:\\{1,4}n|\n)[ \t]{1,24}+|(?<=[ \t]))[\"']?value[\"']?[ \t]?:|:?\s?\\{0,7}[\"'](?:\s|\\n){1,8}+send(?:\s--)?(?=\s)"
    # A type between name and value: `key: &str = "…"`, `password string = "…"`, `@pw nvarchar(50) = '…'`, `char pw[] = "…"`.
    rb"|(?:\s?:\s?|\s)&?(?:'static )?(?:str(?:ing)?|n?varchar(?:\(\w{1,4}\))?|text|any)\??\s?:?=|\[\w{0,20}\]\s?="
    # What a command calls the value: -Name "ApiKey" -Value "…", reg add … /v Password /d ….
    rb"|\\{0,7}[\"']?(?:\s{1,4}+-(?!value|string)\w{1,24}+(?:\s{1,4}+[\w\"'.\\]{1,40}+)?){0,3}\s{1,4}+-{1,2}\w{0,20}?(?:value|string|body)(?=\s)"
    rb"|\\{0,7}[\"']?(?:\s{1,4}+/t\s{1,4}+\w{1,20}+)?\s{1,4}+/d(?=\s)|\s{1,8}+reg_\w{2,12}+(?=\s)"
    # A plist's or any XML pair: </key><string>, </name> <value>.
    rb"|</\w{1,30}+>(?:\s|\\+[nrt]){0,40}+<\w{1,30}+>"
    # <data id="Password" type="…" value="…"/> and {"name": "password", "type": "…", "value": "…"}.
    rb"|\\{0,7}[\"'](?:\s{1,8}+\w{1,30}+=[\"'][^\"'<>]{0,80}+[\"']){0,3}?\s{0,8}+value\s?=\s?"
    rb"|\\{0,7}[\"']\s{0,4}+,(?:\s{0,80}+\\{0,7}[\"'][\w@.]{1,40}+\\{0,7}[\"']\s{0,4}+:\s{0,4}+\\{0,7}[\"']?[^\"'\\\n,]{0,80}+"
    rb"\\{0,7}[\"']?\s{0,4}+,){0,3}?(?:\s|\\{1,7}n){0,80}+\\{0,7}[\"'](?:\w{0,20}val(?:ue(?!type)\w{0,12})?|data|content|wert|valeur|valor|\xe5\x80\xa4)\\{0,7}[\"']\s{0,4}+:)"
    # A tuple of a name and a value, and a call with a value alone: ("password", "…"), setPassword("…").
    rb"|(?P<tuple>\\{0,7}[\"']?\s{0,4}+,(?=\s{0,4}b?\\{0,7}[\"'])|\((?=\\{0,7}[\"'][^\"'\n]{4,128}+[\"']\s?\)))"
    # A row of a table of names and values.
    rb"|(?P<list>[,;](?=[^\s,;\"'`\\{}()\[\]]{6,256}+(?:[,;\s\"'`\\]|\Z)))"
    # <Item Name="ApiKey">…</Item>, or with the value in an element of its own.
    rb"|(?P<entry>\\{0,7}[\"'](?:\s[^<>\n]{0,120}+)?>(?:\s{0,40}+<\w{1,30}+>)?(?:<!\[cdata\[)?)"
    rb"|(?P<tag>(?:\s[^<>\n]{0,120}+)?>(?:\s{0,40}+<(?:value|string|data)>)?(?:<!\[cdata\[)?)"
    rb"|(?P<prose>\s{0,2}+(?::|\xe2\x86\x92|<br\s?/?>|\xef\xbc[\x88\x9a]|\xe3\x81\xaf|\xe3\x80\x8c)|\s(?:is|was|ist|lautet|war|est|es|era|\xc3[\xa8\xa9])(?::|(?=\s)))"
    rb"|(?P<space>(?:\s|\\{1,3}[tnr]){1,4}+)",
    re.IGNORECASE,
)
OPENING: Final = re.compile(
    rb"\s{0,8}+\[?\s{0,8}+(?:[\w.:\[\]]{0,60}(?i:fromhex(?:string)?|base64string|decode|from|unhexlify|securestring|bytes)\(\s?)?"
    rb"[bBuUrRfFnN]{0,2}(?P<quote>(\\{0,7}[\"'])\2{2}|\\{0,7}[\"'`])"
    rb"|\s{0,8}+(?:\$\{\w{1,40}:?[-=]|\\{1,4}\n\s{0,16}+|\\{2,8}n\s{1,16}+|<<[-~]?\\{0,7}[\"']?\w{1,16}\\{0,7}?[\"']?(?:\s|\\{1,7}n){1,16}+|<\w{1,10}+>(?=[^\s<]{4,64}+</))?"
)
UNQUOTED: Final = re.compile(rb"(?:&(?![\w.-]{1,40}=|#?\w{2,6};))?[^\s;&\"'<>`\\]{1,4096}+")
GIVEN: Final = re.compile(rb">\\{0,7}[\"'`]?([\w.~+/=$!@#%^*:-]{6,256}+)(?![\[\x80-\xff])")
"""`name>value`, where no tag is: as programs print what a key maps to."""
TAGGED: Final = re.compile(rb"[^<]{1,20000}+")
FLAG_BEFORE: Final = re.compile(
    rb"(?:(?:\A|[\s\"'>=/])(?:--?|/)|\bset(?:x|env)\s{1,4}[\"']?|\bENV\s{1,4})[\w\x80-\xff-]{0,30}\Z"
)
TAG_BEFORE: Final = re.compile(rb"<[\w:.\x80-\xff-]{0,40}\Z")
SIGNS: Final = b"!@#$^*?+~&%"
"""One of these is in a password as policies ask for."""
_STRONG: Final = (
    rb"(?=[A-Za-z0-9]|[!#&*+?][A-Za-z]{2}|\$[A-Z][A-Za-z_.-]{2,32}[0-9]{3,6}(?![\w:.-]))(?=[^\s\"'<>]{0,64}[0-9])(?=[^\s\"'<>]{0,64}[A-Za-z])(?=[^\s\"'<>]{0,64}["
    + SIGNS
    + rb"])"
    rb"[A-Za-z0-9!#&*+?$][^\s\"'<>(){}\[\]=/\\]{7,255}+(?![=/(]|\\(?![\\\"'nrt]))"
)
# A word with a number in its middle: nobody names a thing so right behind the name of a credential.
MADE: Final = rb"[A-Za-z]{2,24}+[0-9]{2,8}[A-Za-z]{3,24}[0-9]{0,4}(?![\w/:-])"
STRONG: Final = re.compile(_STRONG + rb"|" + MADE)
"""The next word where no sign of assignment is, as a policy asks of a password: letters, a digit, a symbol."""
LINE: Final = re.compile(
    rb"(?:[ ]{0,8}(\t)[ \t]{0,8}+|[ ]{1,8}+)(?:[0-9] )?([^\s\"'=:<>]{6,256}+)[ \t\r]{0,8}+(?:(\n)|\Z)"
)
"""A value that ends the line of its name, as lists and configurations have them."""
WORD_NEXT: Final = re.compile(
    rb"(?:[ ]{1,4}|[ \t]{0,4}+(?:\n|\\{1,7}n)[ \t]{0,8}+)"
    rb"(?:[0-9-] |\()?([A-Za-z0-9]{4,256}+(?:[._-][A-Z][a-z]{2,15}[0-9]{3,6})?)(?![\w-])"
)
"""The word right behind a name or alone in the line below it."""
BEFORE: Final = re.compile(
    rb"(?i)value\\{0,7}[\"']?\s?[:=]\s?\\{0,7}[\"']([^\"'\\\n]{6,128}+)\\{0,7}[\"']\s?,?\s{0,20}+\\{0,7}[\"']?(?:name|key|id)"
    rb"\\{0,7}[\"']?\s?[:=]\s?\\{0,7}[\"'][\w. -]{0,40}+\Z"
)
"""A pair with its value first: {"value": "…", "name": "…"}."""
BREAK: Final = re.compile(rb"\n|\\{1,7}n")
CELL: Final = re.compile(rb"(?:\A|([|;,\t]|\\{1,7}t)|\n|\\n)[ \"*]{0,4}[\w. \x80-\xff-]{0,30}\Z")
CELL_END: Final = re.compile(rb"[ \"*]{0,4}([|;,\t\n]|\\{1,7}[nt])")
"""A name that is the head of a column."""
INTO: Final = re.compile(rb"[\"'`\]]?\s{0,4}(?:,[^()]{0,400}+)?\)\s{1,20}(?i:values|select)[\s(]{1,20}")
"""What follows a column's name in an INSERT, up to the first value."""
FIELD: Final = re.compile(
    rb"[\s,(]{0,20}(?i:n(?='))?(?:(\\{0,7}['\"])(.{0,256}?)\1|([^,()'\"\\]{1,80}(?:\([^()]{0,80}\))?))\s{0,20}([,)])",
    re.DOTALL,
)
PART: Final = re.compile(rb"[A-Z]|pin(?:(?:[:=]| ist| lautet)\s?[0-9]{4,8}| [0-9]{6,8})(?![\w/:-]|[.,][0-9])")
"""How a name begins inside of a word: with a capital, or as the end of a German word for a PIN with one behind."""
REMOTE: Final = re.compile(
    # A few words behind the name before there is a sign: `the PIN of the printer is …`, `Clé d'accès : …`; with more words
    # behind the sign only a word with a number: `lautet seit Montag …`.
    rb"(?::?[ '_-]{1,2}[^\s:=\"'<>(){}\[\];,._-]{1,20}+){1,5}?\s{0,2}"
    rb"(?::|=|->|\xe2\x86\x92|\xef\xbc[\x9a\x9d]| (?:is|ist|lautet|est|es|\xc3[\xa8\xa9]) "
    rb"|(?P<loose> (?:is|ist|lautet|est|es|auf|to) (?:[A-Za-z]{2,9} ){0,2}))(?:[ \"'`#]|\xe2\x80[\x98-\x9e]|\xc2\xab){0,3}"
    rb"(?P<value>(?(loose)(?!)|(?:[a-z0-9]{3,20}[._-][a-z0-9._-]{2,40}[0-9](?![\w/-])|[0-9]{6,12}(?![\w/:-]|[.,][0-9])))"
    rb"|" + MADE + rb"|(?P<numbered>[A-Za-z]{3,16}(?:[._-]?[A-Z][a-z]{2,15})?[0-9]{3,6})(?![\w:-]))"
)
NEXT: Final = re.compile(
    rb"[\"'`,;.]{0,2} (?:auf|zu|to|in|\xc3\xa0|por|or|oder|ou|o|and|und|et|y|/|->|=>) [\"'`]{0,2}("
    + _STRONG
    + rb"|"
    + MADE
    + rb"|[A-Za-z]{3,20}[0-9]{3,6}(?![\w:-]))"
)
"""One more value behind the first: a password that was changed from one to another."""
REMOTE_STRONG: Final = re.compile(
    # In the same line, a word as a policy asks of a password that is not an address of a person. The sign of what was taken
    # out ends the look, as the word did that stood there.
    rb"[^\n\x01]{0,48}?(?<=[\s\"'`(=:,>\x80-\xff])(?![\w.+-]{1,64}@[\w-]{1,64}\.[a-z])(?P<value>" + _STRONG + rb")"
)
