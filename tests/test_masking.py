"""Secrets in addresses are never shown, whatever form they take; addresses without any stay as they are."""

import pytest

from remedy.errors import visible
from remedy.tracking.masking import masked


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("http://me:secret@host:5000", "http://me:***@host:5000"),
        ("http://secret@host", "http://***@host"),
        ("http://:secret@host", "http://:***@host"),
        ("http://me:sec/ret@host/path", "http://me:***@host/path"),
        ("postgresql://me:12/ab@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("https://tok/en@host/x", "https://***@host/x"),
        ("http://me:sec@ret@host", "http://me:***@host"),
        ("http://me:sec:ret@host", "http://me:***@host"),
        ("postgresql+psycopg2://me:secret@host/db", "postgresql+psycopg2://me:***@host/db"),
        ("http://host/?password=secret&x=1", "http://host/?password=***&x=1"),
        ("postgresql://host/db?user=me&PASSWORD=secret", "postgresql://host/db?user=me&PASSWORD=***"),
        ("https://host/a?sig=secret#top", "https://host/a?sig=***#top"),
        ("https://host/a?x-amz-security-token=secret", "https://host/a?x-amz-security-token=***"),
        ("API request to http://me:secret@h/api failed: secret", "API request to http://me:***@h/api failed: secret"),
        ("see http://a:secret@h and 'http://b:secret@h'", "see http://a:***@h and 'http://b:***@h'"),
    ],
)
def test_what_is_secret_is_masked(address, seen):
    assert masked(address) == seen


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:5000/#/experiments/1?workflowType=machine_learning",
        "http://host.example/files/a@b",
        "http://[::1]:5000/files/a@b",
        "sqlite:////home/a@b/mlflow.db",
        "mail me@host",
        "databricks",
        "a keyboard, a monkey=3",
    ],
)
def test_what_is_not_secret_stays(address):
    assert masked(address) == address


def test_a_name_that_would_steer_a_terminal_is_spelled_out():
    assert visible("ecg\x1b[2J\nfixed\r\x9b") == "ecg\\x1b[2J\\nfixed\\r\\x9b"
    assert visible("Größe µ [kg] 走") == "Größe µ [kg] 走"
    assert visible("two\nlines\x07", lines=True) == "two\nlines\\x07"
