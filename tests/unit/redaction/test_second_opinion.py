"""A kept library's patterns as a second opinion: what it still finds in a scrubbed text would be a gap in ours.

It is no part of the product: it takes some fifty times as long for a line (see benchmarks/bench_redaction.py), is not
bounded for hostile texts, and works on files and lines, where ours works on whole texts and JSON.
"""

from __future__ import annotations

import pytest
from detect_secrets.core import scan
from detect_secrets.settings import transient_settings

from runstore.fence.redaction import scrub_text
from tests.support.secret_corpus import corpus

PLUGINS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCosHmacDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector",
    "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_detect_secrets_finds_nothing_in_a_scrubbed_text() -> None:
    samples = corpus(seed=99, per_kind=4)
    before: set[str] = set()
    after: list[str] = []
    with transient_settings({"plugins_used": [{"name": name} for name in PLUGINS]}):
        for sample in samples:
            before |= {found.type for line in sample.text.splitlines() for found in scan.scan_line(line)}
            for line in scrub_text(sample.text).splitlines():
                after += [f"{sample.kind}: {found.type}" for found in scan.scan_line(line)]
    assert len(before) >= 10, "the second opinion has to see something at all"
    assert after == []
