"""Where a ledger is kept: its address without credentials, and what the remote's refusals mean."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from glassalpha_action.documents import UserError, plain
from glassalpha_action.registry.address import suspect

PROTOCOLS = "file:git:http:https:ssh"
TOKEN_LENGTH = 20
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
REFUSALS = (
    (r"GH013|repository rule violations",
     "a ruleset refuses the push: leave this branch out of it under Settings > Rules, or let GitHub Actions bypass it"),
    (r"GH006|protected branch|not allowed to push",
     "branch protection refuses the push: take the protection rule off this branch under Settings > Branches"),
    (r"archived|read-only", "the repository cannot be written: it is archived or read-only"),
    (r"error: 401|authentication failed|could not read (username|password)|invalid (username|credentials)",
     "the credentials are missing or wrong: give the job a token in github-token"),
    (r"checked out branch|branch is currently checked out",
     "the ledger's branch is checked out there: check another branch out, or name a bare repository"),
    (r"error: 403|denied|write access|not granted|insufficient permission|not authorized",
     "permission is denied: give the job `permissions: contents: write` (Settings > Actions > General may forbid it)"),
    (r"error: 404|repository .{0,300}not found|does not appear to be a git repository|does not exist",
     "there is no such repository, or the token may not see it"),
    (r"dubious ownership", "it belongs to another user: name it under safe.directory in your git configuration"),
    (r"certificate", "the server's certificate is not trusted: set GIT_SSL_CAINFO"),
    (r"mismatched algorithms|hash algorithm|object format",
     "its objects have ids of a kind that this git cannot use: upgrade git"),
    (r"transport .{0,40}not allowed", "only file, git, http, https and ssh addresses are used"),
)  # fmt: skip
RACES = re.compile(
    r"fetch first|non-fast-forward|stale info|failed to update ref|cannot lock ref|failed to lock|"
    r"incorrect old value|already exists|is at [0-9a-f]+ but expected",
    re.IGNORECASE,
)
TOO_LARGE = re.compile(r"GH001|file size limit|larger than the maximum|maximum file size", re.IGNORECASE)
DAMAGE = re.compile(r"fsck error|hash mismatch|inflate|corrupt")


class RaceLostError(Exception):
    """Another writer's push came first."""


class TooLargeError(UserError):
    """The remote takes no file of this size."""


class UnreachableError(Exception):
    """The remote failed in a way that may pass; the text says how."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a ledger is: an address without credentials, and the header that authorises."""

    url: str
    header: SecretStr | None = None
    secrets: tuple[SecretStr, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str, token: SecretStr | None = None) -> Self:
        """The remote at a URL, an `user@host:path` or a local path; a password in the URL moves to the header.

        Raises UserError (2) where it is none of these. It does not show an address that may hold a password.
        """
        text = text.strip() if "://" in text else text
        if not text.strip() or not text.isprintable() or text.startswith("-"):
            raise UserError("a ledger is named by a git URL or by the path of a repository")
        if re.match(r"https?://", text, re.IGNORECASE):
            return cls._http(text, token)
        if "://" not in text and _is_folder(text):
            return cls(str(Path(text).resolve()))
        if suspect(text):
            raise _unusable("looks misspelt, or holds a password, which only an http or https URL may: else use a key")
        if "://" in text:
            return cls._other(text)
        host, colon, path = text.partition(":")
        if colon and len(host) > 1 and not {"/", "\\"} & set(host):
            if path.startswith(":") or ("@" in path and "@" not in host):
                raise _unusable("is neither a URL nor the path of a repository")
            return cls(text)
        raise UserError(
            f"{'the ledger' if '@' in text else plain(text)}: there is no such folder; name a git repository or its URL"
        )

    @classmethod
    def _other(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            host, scheme = parts.hostname, parts.scheme.lower()
        except ValueError:
            raise _unusable("cannot be read") from None
        if scheme not in PROTOCOLS.split(":"):
            raise UserError(f"no ledger is at a {scheme}:// address: use https, ssh, file or a path")
        if not host and scheme != "file":
            raise _unusable("names no server")
        return cls(text)

    @classmethod
    def _http(cls, text: str, token: SecretStr | None) -> Self:
        if " " in text:
            raise UserError("the ledger's URL holds a space: write it as %20")
        try:
            parts = urlsplit(text)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
            place = f"{host}:{parts.port}" if parts.port else host
        except ValueError:
            # Its words hold parts of the address.
            raise _unusable("cannot be read") from None
        url = urlunsplit((parts.scheme, place, parts.path, "", ""))
        if not host or suspect(url) or (parts.port and "@" not in parts.netloc and "@" in text):
            raise _unusable("cannot be understood")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        # Hosts take a token in the place of the user too.
        pair = f"{user}:{password}" if password or ":" in user or len(user) >= TOKEN_LENGTH else None
        if token is not None and token.get_secret_value():
            pair = f"x-access-token:{token.get_secret_value()}"
        if pair is None:
            return cls(url.replace("://", f"://{parts.username}@", 1) if user else url)
        if parts.scheme.lower() == "http" and parts.hostname not in LOOPBACK:
            raise UserError("a token is sent over https only: change the ledger's address from http:// to https://")
        if not pair.isprintable():
            raise UserError("the token holds characters that no token holds, such as a line end")
        coded = base64.b64encode(pair.encode()).decode()
        secrets = (*pair.split(":", 1), user, password, parts.username or "", parts.password or "", coded)
        return cls(
            url,
            SecretStr(f"Authorization: Basic {coded}"),
            tuple(SecretStr(s) for s in secrets if len(s) > 3 and s != "x-access-token"),
        )

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return Path(self.url).is_absolute()

    def redact(self, text: str) -> str:
        """`text` as one line without this remote's secrets, and without what stands before an @ in a URL."""
        for secret in self.secrets:
            text = text.replace(secret.get_secret_value(), "***")
        return plain(re.sub(r"://[^/\s]+@", "://", text), 300)

    def __str__(self) -> str:
        return self.redact(self.url)

    def explain(self, out: str, err: str) -> Exception:
        """What to raise for what git printed: RaceLostError, UnreachableError, or UserError where a retry is vain."""
        text, said = out + err, self.said(out, err)
        if "denying non-fast-forward" in text:
            return UserError(f"{self} refuses to replace a branch: allow force pushes to it", exit_code=4)
        if RACES.search(text):
            return RaceLostError(said)
        if DAMAGE.search(text):
            return UserError(f"{self}: git finds the branch damaged ({said})", exit_code=5)
        if TOO_LARGE.search(text):
            return TooLargeError(f"{self}: the host refuses a file of this size (git: {said})", exit_code=4)
        for pattern, advice in REFUSALS:
            if re.search(pattern, text, re.IGNORECASE):
                return UserError(f"{self}: {advice} (git: {said})", exit_code=4)
        return UnreachableError(said)

    def said(self, out: str, err: str) -> str:
        """The lines of git's that tell most, as one line without secrets."""
        lines = [line.strip() for line in [*err.splitlines(), *out.splitlines()]]
        telling = [line for line in lines if re.match(r"remote: \S|fatal:|error:|!", line)] or lines or ["nothing"]
        return self.redact("; ".join(telling[:3]))


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:
        return False


def _unusable(why: str) -> UserError:
    return UserError(
        f"the ledger's address {why}; write https://user:password@host/path with %2F for /, %3A for : and %40 for @ in "
        "the password, ssh://user@host/path, or the path of a repository"
    )
