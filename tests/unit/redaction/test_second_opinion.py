"""Two kept libraries' patterns as a second opinion: what they still find in a scrubbed text would be a gap in ours.

Neither is a part of the product. `detect-secrets` takes some fifty times as long for a line (benchmarks/bench_redaction.py),
is not bounded for hostile texts, and works on files and lines, where ours works on whole texts and JSON.
"""

from __future__ import annotations

import pytest
from detect_secrets.core import scan
from detect_secrets.settings import transient_settings

from runstore.fence.redaction import scrub_text
from tests.support.second_scanner import found_by_second_scanner
from tests.support.secret_corpus import corpus
from tests.support.secret_kinds import KINDS, made

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


def test_betterleaks_finds_nothing_in_the_scrubbed_kinds() -> None:
    texts = [sample.text for sample in made(KINDS, 20261129)]
    assert len(found_by_second_scanner("\n\n".join(texts))) >= 50, "it has to see something at all"
    assert found_by_second_scanner("\n\n".join(map(scrub_text, texts))) == set()
