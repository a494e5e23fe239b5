"""Commands and webhooks: what they get, and that their failures are one line."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from remedy.errors import InvalidInput
from remedy.monitoring.notify import Command, Webhook

FACTS = {
    "event": "stuck",
    "run_id": "abc",
    "cause": "flat-loss",
    "code": "OPT403",
    "message": "It rests; $HOME 'quoted'.",
    "run_url": "http://x/#/runs/abc",
}


@pytest.fixture
def hook():
    """A real server that keeps what is posted and answers as its ``answers`` say, 200 at last."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
            time.sleep(self.server.pause)
            code = self.server.answers.pop(0) if self.server.answers else 200
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", f"{self.server.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.posted, server.answers, server.pause = [], [], 0.0
    server.url = f"http://127.0.0.1:{server.server_port}/alert"
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def python(code):
    return f"{sys.executable} -c '{code}'"


def test_a_command_gets_the_facts_in_its_environment_and_on_its_input(tmp_path):
    script = tmp_path / "told.py"
    script.write_text(
        "import json, os, sys\n"
        "told = {k: v for k, v in os.environ.items() if k.startswith('REMEDY_')}\n"
        f"open({str(tmp_path / 'told.json')!r}, 'w').write(json.dumps([sys.argv[1:], told, json.load(sys.stdin)]))\n"
    )
    assert Command(f"{sys.executable} {script} 'a b' $HOME").send(FACTS) is None
    words, told, given = json.loads((tmp_path / "told.json").read_text())
    assert words == ["a b", "$HOME"]  # No shell has read it.
    assert given == FACTS
    assert told == {f"REMEDY_{key.upper()}": FACTS[key] for key in ("run_id", "cause", "code", "message", "run_url")}


def test_a_command_that_fails_is_one_line():
    assert Command(python("import sys; sys.exit(3)")).send(FACTS).endswith("ended with code 3.")
    assert Command(python('raise SystemExit("no\\nluck")')).send(FACTS).endswith("ended with code 1: luck.")


def test_a_command_that_does_not_end_is_killed_with_what_it_started(tmp_path):
    mark = tmp_path / "mark"
    began = time.monotonic()
    says = Command(f"sh -c '(sleep 2; touch {mark}) & sleep 30'", seconds=0.5).send(FACTS)
    assert "did not end within 0.5 s" in says
    assert time.monotonic() - began < 2
    time.sleep(2)
    assert not mark.exists()


@pytest.mark.parametrize("text", ["", "   ", "echo 'open", "no-such-program --now"])
def test_a_command_that_cannot_be_started_fails_before_the_watch(text):
    with pytest.raises(InvalidInput, match="--on-stuck"):
        Command(text)


@pytest.mark.parametrize(
    "url", ["", "example.org/x", "http://", "http:///x", "ftp://a/b", "http://a:99999/", "http://["]
)
def test_an_address_without_scheme_or_host_fails_before_the_watch(url):
    with pytest.raises(InvalidInput, match="https://host/path"):
        Webhook(url)


def test_a_webhook_gets_the_facts_once_as_json(hook):
    assert Webhook(hook.url).send(FACTS) is None
    assert hook.posted == [("/alert", "application/json", FACTS)]


def test_a_server_error_is_tried_again_and_then_said_in_one_line(hook):
    hook.answers = [500]
    assert Webhook(hook.url, pause=0.01).send(FACTS) is None
    assert len(hook.posted) == 2
    hook.answers = [500, 503, 500]
    says = Webhook(hook.url, pause=0.01).send(FACTS)
    assert "answered 500" in says
    assert "\n" not in says
    assert len(hook.posted) == 5


def test_an_address_that_refuses_is_not_asked_again(hook):
    hook.answers = [404]
    assert "answered 404 Not Found." in Webhook(hook.url, pause=0.01).send(FACTS)
    assert len(hook.posted) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_webhook_that_sends_elsewhere_is_not_followed_and_that_is_said(hook, code):
    hook.answers = [code]
    assert f"sends elsewhere ({code}), which is not followed" in Webhook(hook.url, pause=0.01).send(FACTS)
    assert len(hook.posted) == 1


def test_a_webhook_that_takes_the_facts_and_does_not_answer_is_told_once(hook):
    hook.pause = 1.0
    assert "did not answer within 0.2 s" in Webhook(hook.url, seconds=0.2).send(FACTS)
    assert len(hook.posted) == 1


def test_a_webhook_that_is_down_is_one_line_without_what_stands_in_its_address():
    says = Webhook("http://user:secret@127.0.0.1:9/token", pause=0.01).send(FACTS)
    assert says == "The webhook at 127.0.0.1:9 cannot be reached (ConnectionError)."
