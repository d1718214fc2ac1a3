"""The registry as a ledger on a git branch: one file a record, appended by compare-and-swap, and read in order.

    head.json                            {"format":"glassalpha-ledger/1","link":…,"seq":…}: the end of the chain
    ledger/YYYY/MM/DD/<id>.json          an audit on main (the day it was made as of), or an event (the day it happened)
    ledger/YYYY/MM/DD/<id>.proposed.json an audit of a pull request
    parts/<sha256>.json                  a glossary or a policy that audits name by its digest

Each record is written as `chain.write` says. The branch holds nothing else, its history is one line of commits, and
each of them only adds files; whoever finds it otherwise stops with exit code 5 and changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple, NoReturn

from pydantic import SecretStr

from glassalpha_action.digests import canonical
from glassalpha_action.documents import UserError, plain
from glassalpha_action.registry import chain, rows
from glassalpha_action.registry.git import Blobs, Clone, blob_id
from glassalpha_action.registry.packing import CONTENT_LIMIT, PART_LIMIT
from glassalpha_action.registry.patience import READING, Patience, persist
from glassalpha_action.registry.remote import Remote, UnreachableError
from glassalpha_action.registry.rows import Entry, Head, Receipt

BRANCH = "glassalpha-registry"
FORMAT = "glassalpha-ledger/1"
HEAD_FILE = "head.json"
HEAD_LIMIT = 256
RECORD_LIMIT = CONTENT_LIMIT + 1024
WAITING_LIMIT = 64 << 20
AUTHOR = "glassalpha <noreply@glassalpha.invalid>"
PATH = re.compile(r"ledger/(\d{4})/(\d{2})/(\d{2})/([0-9a-f]{64})(\.proposed)?\.json")
PART = re.compile(r"parts/([0-9a-f]{64})\.json")
SEQ = re.compile(rb',"seq":([1-9][0-9]{0,11})\}\Z')
BRANCH_NAME = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")

Key = tuple[str, str]


class Appended(NamedTuple):
    """The ledger's head with the records in it, the commit that is its tip, and where each record stands."""

    head: Head
    commit: str | None
    receipts: tuple[Receipt, ...]


class File(NamedTuple):
    """A record's file: its path on the branch and its git object id."""

    path: str
    oid: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The branch at one commit: its head, the file of every record by id and stage, and of every part by digest."""

    tip: str | None
    head: Head
    files: Mapping[Key, File]
    parts: Mapping[str, File]


def append(
    remote: str,
    records: Sequence[Entry],
    *,
    recorded_at: str,
    branch: str = BRANCH,
    token: SecretStr | None = None,
    patience: Patience | None = None,
    allow: Callable[[Head], None] | None = None,
) -> Appended:
    """Add records to the ledger on `branch` of `remote` in one commit, dated `recorded_at` (UTC, ISO 8601).

    Works in a private bare clone, never forces, and begins again from the new tip when another writer was first. A
    record that is there stays as it is and is success. The first append makes the branch. `allow` is told the head that
    the records are to follow, each time anew, and may refuse them by raising. Raises UserError: 4 not recorded (the
    sentence names the setting to change where permission is missing), 5 the branch is not a whole ledger.
    """
    require_branch(branch)
    when = seconds(recorded_at)
    wanted: dict[Key, Entry] = {(entry.id, entry.stage): entry for entry in records}
    mine: dict[Key, Receipt] = {}

    def attempt() -> Appended:
        at = snapshot(clone, clone.fetch(branch, below=HEAD_LIMIT))
        new = [entry for key, entry in wanted.items() if key not in at.files]
        if not new:
            return Appended(at.head, at.tip, _receipts(clone, at, wanted, mine))
        if allow:
            allow(at.head)
        _require_parts(at, new)
        receipts = _chained(at.head, new)
        mine.update(receipts)
        head = Head(at.head.seq + len(new), receipts[new[-1].id, new[-1].stage].link)
        commit = _commit(clone, at, head, [(entry, receipts[entry.id, entry.stage]) for entry in new], when)
        clone.push(commit, branch)
        return Appended(head, commit, _receipts(clone, at, wanted, receipts))

    with Clone(Remote.parse(remote, token)) as clone:
        return persist(attempt, f"{clone.remote}: nothing was recorded", patience)


def read(remote: str, *, branch: str = BRANCH, token: SecretStr | None = None) -> Iterator[Entry]:
    """Every record in order, as `Registry.append_records` takes them; the whole chain is verified.

    `remote` is a URL or the path of a repository. Raises UserError: 2 no such branch, 4 not to be reached, 5 not whole.
    """
    with Clone(Remote.parse(remote, token)) as clone:
        at = open_branch(clone, branch)
        yield from walk(clone, at, list(at.files.values()), Head(0, chain.GENESIS))


def open_branch(
    clone: Clone, branch: str, below: int | None = None, depth: int | None = 1, *, begin: bool = False
) -> Snapshot:
    """The branch as it is now; UserError (2) where there is none, (4) where the remote cannot be reached.

    With `begin`, a branch that is not there is an empty ledger, which the first append makes.
    """
    require_branch(branch)
    tip = persist(lambda: clone.fetch(branch, depth=depth, below=below), f"{clone.remote} cannot be read", READING)
    if tip is None and not begin:
        raise UserError(f"{clone.remote} has no branch {branch}, so no ledger yet: the first recorded audit makes it")
    return snapshot(clone, tip)


def snapshot(clone: Clone, tip: str | None) -> Snapshot:
    """The branch at commit `tip`, None for a branch that does not exist; UserError (5) where it is no ledger."""
    if tip is None:
        return Snapshot(None, Head(0, chain.GENESIS), {}, {})
    files, parts = dict[Key, File](), dict[str, File]()
    head_oid = None
    for line in clone.lines("ls-tree", "-r", "-z", "--full-tree", tip):
        facts, _, path = line.partition("\t")
        mode, kind, oid = facts.split()
        match, part = PATH.fullmatch(path), PART.fullmatch(path)
        if (mode, kind) != ("100644", "blob") or not (path == HEAD_FILE or part or (match and _is_day(match))):
            _broken(f"it holds {plain(path, 100)}, which no ledger holds")
        if part:
            parts[part[1]] = File(path, oid)
            continue
        if match is None:
            head_oid = oid
            continue
        key = (match[4], "proposed" if match[5] else "main")
        if key in files:
            _broken(f"record {key[0][:12]} is in it twice")
        files[key] = File(path, oid)
    if head_oid is None:
        _broken(f"it has no {HEAD_FILE}")
    with clone.blobs() as blobs:
        head = read_head(next(blobs.read([head_oid], HEAD_LIMIT)))
    if head.seq != len(files):
        _broken(f"{HEAD_FILE} speaks of {head.seq} records, and there are {len(files)}")
    return Snapshot(tip, head, files, parts)


def read_head(content: bytes) -> Head:
    """The head in a head.json; UserError where it is none (5), or one of a later version (2)."""
    try:
        said = json.loads(content)
        if said["format"] != FORMAT and re.fullmatch(r"glassalpha-ledger/[0-9]{1,4}", said["format"]):
            raise UserError(f"the ledger is written as {said['format']}, not {FORMAT}: upgrade glassalpha-action")
        head = Head(said["seq"], said["link"])
        sound = write_head(head) == content and head.seq > 0 and re.fullmatch("[0-9a-f]{64}", head.link)
    except (ValueError, TypeError, KeyError, RecursionError):
        sound = None
    if not sound:
        _broken(f"its {HEAD_FILE} cannot be read")
    return head


def write_head(head: Head) -> bytes:
    """The content of head.json."""
    return canonical({"format": FORMAT, "link": head.link, "seq": head.seq})


def walk(clone: Clone, at: Snapshot, files: Sequence[File], after: Head) -> Iterator[Entry]:
    """What is in `files`, the records that follow `after` up to the ledger's head, in order, with their parts.

    An entry's parts are read when they are asked for, while the walk goes on. UserError (5) names a record that is
    missing, damaged, out of place, or does not follow from the one before it.
    """
    with clone.blobs() as blobs, clone.blobs() as others:
        parts = Parts(others, at.parts)
        head = after
        for file, written in _in_order(clone, blobs, others, files, after.seq):
            seq, link, entry = read_record(file, written, parts)
            if link != chain.link(head.link, seq, entry.digest):
                _broken(f"record {seq} does not follow from record {head.seq}")
            for digest in entry.needs:
                if digest not in at.parts:
                    _broken(f"the part {digest[:12]} of record {seq} is missing")
            head = Head(seq, link)
            yield entry
    if head != at.head:
        _broken(f"record {head.seq} is not what {HEAD_FILE} says")


def _in_order(
    clone: Clone, blobs: Blobs, others: Blobs, files: Sequence[File], after: int
) -> Iterator[tuple[File, bytes]]:
    """The files and what is in them, by seq, from the one `after` that on.

    They come by day, which is nearly the order of the chain: the few that are early wait, without what is in them where
    those are many.
    """
    waiting: dict[int, tuple[File, bytes]] = {}
    seq, kept = after + 1, 0
    try:
        for file, written in zip(files, blobs.read((file.oid for file in files), RECORD_LIMIT), strict=True):
            found = _seq(file, written)
            if found < seq or found in waiting:
                _broken(f"record {found} is in it twice")
            waiting[found] = file, written if kept < WAITING_LIMIT else b""
            kept += len(waiting[found][1])
            while seq in waiting:
                next_file, content = waiting.pop(seq)
                kept -= len(content)
                yield next_file, content or next(others.read([next_file.oid], RECORD_LIMIT))
                seq += 1
    except UnreachableError as error:
        raise UserError(f"{clone.remote} did not send the whole ledger ({error})", exit_code=4) from error
    if waiting:
        _broken(f"record {seq} is missing")


def _seq(file: File, written: bytes) -> int:
    """The seq that a record's file ends with."""
    match = SEQ.search(written, max(0, len(written) - 24))
    if match is None:
        _broken(f"{file.path} is damaged: it is no record of a ledger")
    return int(match[1])


class Parts(Mapping[str, bytes]):
    """The parts on the branch by digest, each read when it is asked for; UserError (5) where it is none."""

    def __init__(self, blobs: Blobs, files: Mapping[str, File]) -> None:
        self._blobs, self._files = blobs, files

    def __getitem__(self, digest: str) -> bytes:
        file = self._files[digest]
        try:
            part = next(self._blobs.read([file.oid], PART_LIMIT))
            rows.require_part(digest, part)
        except UnreachableError as error:
            raise UserError(f"{file.path} of the ledger was not sent ({error})", exit_code=4) from error
        except ValueError as error:
            _broken(f"{file.path} is damaged: {error}")
        return part

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def read_record(file: File, written: bytes, parts: Mapping[str, bytes] | None = None) -> tuple[int, str, Entry]:
    """The seq, link and entry of a record's file; UserError (5) where it is damaged or another record's."""
    try:
        seq, link, digest, content = chain.read(written)
        entry = rows.read_entry(content, parts)
        if entry.digest != digest:
            raise ValueError("its content is not what its digest says")
        if path_of(entry) != file.path:
            raise ValueError("it is the file of another record")
    except (ValueError, TypeError, KeyError, UserError) as error:
        _broken(f"{file.path} is damaged: {plain(str(error), 100)}")
    return seq, link, entry


def path_of(entry: Entry) -> str:
    """Where the record is kept: a function of its id, its stage and the day it speaks of."""
    day = entry.record["event"]["at"][:10] if entry.kind == "event" else entry.record.audit.provenance.as_of
    if date.fromisoformat(day).isoformat() != day or not re.fullmatch("[0-9a-f]{64}", entry.id):
        raise ValueError("its day or id is none")
    return f"ledger/{day.replace('-', '/')}/{entry.id}{'.proposed' if entry.stage == 'proposed' else ''}.json"


def commit_dated(clone: Clone, ref: str, when: int, message: str, files: Iterable[tuple[str, bytes]], parent: str | None
                 ) -> str:  # fmt: skip
    """The id of a new commit that adds `files` to those of `parent`; the same input makes the same commit."""
    told = [f"commit {ref}\ncommitter {AUTHOR} {when} +0000\ndata {len(message)}\n{message}\n".encode()]
    told += [f"from {parent}\n".encode()] if parent else []
    for path, content in files:
        told += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
    clone.git("fast-import", "--quiet", "--done", given=b"".join([*told, b"done\n"]))
    return clone.git("rev-parse", "--verify", ref).decode().strip()


def require_branch(branch: str) -> None:
    """UserError (2) where git would not take `branch` as a branch's name."""
    if not BRANCH_NAME.fullmatch(branch):
        raise UserError(f"{plain(branch, 80)!r} is not the name of a branch")


def _chained(head: Head, entries: Iterable[Entry]) -> dict[Key, Receipt]:
    receipts: dict[Key, Receipt] = {}
    for entry in entries:
        head = Head(head.seq + 1, chain.link(head.link, head.seq + 1, entry.digest))
        receipts[entry.id, entry.stage] = Receipt(head.seq, head.link, entry.digest, new=True)
    return receipts


def _require_parts(at: Snapshot, new: Iterable[Entry]) -> None:
    """Raise UserError (5) where a part did not come with its record, or the branch holds another file in its place."""
    for entry in new:
        for digest in entry.needs:
            part, there = entry.parts.get(digest), at.parts.get(digest)
            if part is None:
                raise UserError(f"the part {digest[:12]} of record {entry.id[:12]} did not come with it", exit_code=5)
            if there and there.oid != blob_id(part, like=there.oid):
                _broken(f"{there.path} is not what its digest says")


def _commit(clone: Clone, at: Snapshot, head: Head, new: Sequence[tuple[Entry, Receipt]], when: int) -> str:
    numbers = f"record {head.seq}" if len(new) == 1 else f"records {at.head.seq + 1} to {head.seq}"
    files = [(path_of(entry), chain.write(r.seq, r.link, entry.content)) for entry, r in new]
    parts = {digest: entry.parts[digest] for entry, _ in new for digest in entry.needs if digest not in at.parts}
    files += [(f"parts/{digest}.json", part) for digest, part in parts.items()]
    message = f"Add {numbers}\n\nHead: {head.seq}:{head.link}"
    return commit_dated(
        clone, f"refs/attempt/{at.tip or 'first'}", when, message, [*files, (HEAD_FILE, write_head(head))], at.tip
    )


def _receipts(
    clone: Clone, at: Snapshot, wanted: Mapping[Key, Entry], mine: Mapping[Key, Receipt]
) -> tuple[Receipt, ...]:
    """Where each wanted record stands: as `mine` says where that is what was pushed, else as its file says."""
    found = {}
    with clone.blobs() as blobs:
        for key in wanted:
            if key not in at.files:
                found[key] = mine[key]
                continue
            seq, link, entry = read_record(at.files[key], next(blobs.read([at.files[key].oid], RECORD_LIMIT)))
            there = Receipt(seq, link, entry.digest, new=True)
            found[key] = there if mine.get(key) == there else Receipt(seq, link, there.digest, new=False)
    return tuple(found.values())


def _is_day(match: re.Match[str]) -> bool:
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def seconds(moment: str) -> int:
    """A moment as git counts it, seconds since 1970; UserError (2) where it is none."""
    rows.require_moment(moment)
    return int(datetime.strptime(moment, rows.MOMENT).replace(tzinfo=UTC).timestamp())


def _broken(what: str) -> NoReturn:
    raise UserError(f"the ledger is broken: {what}; it was left as it is", exit_code=5)
