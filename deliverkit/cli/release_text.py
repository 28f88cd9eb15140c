"""Releases as text for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli.render import moment, one_line, plain, table
from deliverkit.cli.render import release as head

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deliverkit.domain.changes import Commit, CommitRange, Ticket
    from deliverkit.domain.manifest_diff import Item, ManifestDiff, Pair
    from deliverkit.domain.replica import Replica
    from deliverkit.domain.retention import RetentionPlan
    from deliverkit.domain.trust import Provenance
    from deliverkit.engine.catalogue import Comparison, Portrait, Standing

SHOWN = 40
"""Lines of files or commits that are shown unless all are asked for."""


# --- list and show ---------------------------------------------------------------------------------


def listing(values: Sequence[Standing], environment: str | None = None) -> str:
    """Releases, one a line, the newest first; with an environment they are those that it has served."""
    if not values and environment is not None:
        return f"{environment} has served no release yet"
    if not values:
        return "there is no release: deliverkit package"
    head = ("VERSION", "CREATED", "DIGEST", "SIZE", "COMMIT", "BY", "PROVENANCE", "STANDING")
    return table([head, *map(_row, values)])


def _row(value: Standing) -> tuple[str, ...]:
    release = value.release
    commit = f"{release.source.commit[:10]}{'+' if release.source.is_dirty else ''}" if release.source else "-"
    by = release.created_by.rpartition(":")[2].rpartition("/")[2]
    provenance = value.signing.value if value.signing else "-"
    facts = (
        release.version,
        f"{release.created_at:%Y-%m-%d %H:%M}",
        release.short_digest,
        size(release.size),
        commit,
        by,
    )
    return (*facts, provenance, standing(value))


def standing(value: Standing) -> str:
    """Where it serves, and whether it is quarantined."""
    quarantined = ["quarantined"] if value.quarantine else []
    return ", ".join([*(f"serves {name}" for name in value.serves), *quarantined])


def listing_document(values: Sequence[Standing]) -> Any:
    """The same as JSON."""
    return [standing_document(each) for each in values]


def standing_document(value: Standing) -> dict[str, Any]:
    """A release as JSON, with where it stands."""
    return {
        **plain(value.release),
        "standing": standing(value),
        "serves": list(value.serves),
        "passed": {name: plain(at) for name, at in value.passed},
        "quarantine": plain(value.quarantine),
        "signing": value.signing.value if value.signing else None,
    }


def portrait(value: Portrait) -> str:
    """Everything about one release."""
    release, at = value.standing.release, value.standing
    lines = [*head(release).splitlines(), *([f"signing   {at.signing}"] if at.signing else []), *_content(value)]
    lines += _built(value.origin)
    lines += [f"{'' if index else 'passed':9} {name} at {moment(when)}" for index, (name, when) in enumerate(at.passed)]
    if at.serves:
        lines.append(f"serves    {', '.join(at.serves)}")
    if at.quarantine:
        entry = at.quarantine
        lines.append(f"forbidden since {moment(entry.at)} by {entry.by}: {entry.reason}")
    lines += [f"copy      {line}" for line in map(replica, value.replicas)]
    lines += [
        f"copy      none in {region}: deliverkit release replicate {release.version} --to {region}"
        for region in value.missing_in
    ]
    return "\n".join(map(one_line, lines))


def _built(origin: Provenance | None) -> list[str]:
    """Which build made it, in the build's own words."""
    if origin is None:
        return []
    claims = origin.claims
    job = " ".join(filter(None, (claims.job, claims.number and f"#{claims.number}"))) or origin.build
    told = [
        ("build", " ".join(filter(None, (job, origin.invocation)))),
        ("cause", claims.cause),
        ("change", claims.change),
        ("agent", claims.agent),
    ]
    return [f"{name:10}{text}" for name, text in told if text]


def _content(value: Portrait) -> list[str]:
    content, release = value.content, value.standing.release
    if content is None:
        return [f"content   unknown: {value.unknown}"]
    links = f", {content.links} links" if content.links else ""
    lines = [f"manifest  {release.manifest}", f"content   {content.files} files{links}, {size(content.size)} unpacked"]
    return [*lines, *(f"          {item.path}  {size(item.size)}" for item in content.largest)]


def replica(value: Replica) -> str:
    """A copy, and how it was proven."""
    return f"{value.region} {value.bundle.uri}, proven by {value.proof.value} at {moment(value.proven_at)}"


def portrait_document(value: Portrait) -> Any:
    """The same as JSON."""
    return {
        **standing_document(value.standing),
        "content": plain(value.content),
        "unknown": value.unknown,
        "replicas": plain(value.replicas),
        "missing_in": list(value.missing_in),
        "origin": plain(value.origin),
    }


# --- diff ------------------------------------------------------------------------------------------


def comparison(value: Comparison, *, is_whole: bool = False) -> str:
    """What leads from one release to another, for whoever decides about it."""
    old, new = value.old, value.new
    lines = [f"{old.version} ({old.short_digest}) -> {new.version} ({new.short_digest})"]
    if old.digest == new.digest:
        lines.append("the same bundle, byte for byte")
    else:
        lines.append(f"bundle   {change(old.size, new.size)}")
        lines += _files(value.files, value.unknown, is_whole=is_whole)
    lines += _commits(value.commits, is_whole=is_whole)
    lines += _tickets("tickets", value.tickets)
    lines += _tickets("taken back", value.dropped_tickets)
    return "\n".join(lines)


def _files(diff: ManifestDiff | None, unknown: str, *, is_whole: bool) -> list[str]:
    if diff is None:
        return [f"files    unknown: {unknown}"]
    counted = _counted(diff)
    rows = [(f"{sign} {path}", detail) for sign, path, detail in file_lines(diff)]
    return [f"files    {counted}", f"unpacked {change(diff.old_size, diff.new_size)}", *_cut(rows, is_whole=is_whole)]


def _counted(diff: ManifestDiff) -> str:
    from deliverkit.domain.manifest_diff import counted  # noqa: PLC0415

    words = [f"{number} {what.replace('_', ' ')}" for what, number in counted(diff).items() if number]
    return ", ".join(words) or "none"


def file_lines(diff: ManifestDiff) -> Iterable[tuple[str, str, str]]:
    """A sign, a path and what happened, for each file; directories follow their files."""
    yield from (("+", item.path, _told(item)) for item in diff.added if not item.is_directory)
    yield from (("-", item.path, _told(item)) for item in diff.removed if not item.is_directory)
    yield from (("~", pair.new.path, _changed(pair)) for pair in diff.changed)
    yield from ((">", pair.new.path, f"from {pair.old.path}{_mode(pair)}") for pair in diff.renamed)
    yield from (("m", pair.new.path, _mode(pair).removeprefix(", ")) for pair in diff.mode_changed)


def _told(item: Item) -> str:
    return f"-> {item.target}" if item.target is not None else size(item.size)


def _changed(pair: Pair) -> str:
    if pair.old.kind != pair.new.kind:
        return f"{pair.old.kind} -> {pair.new.kind}{_mode(pair)}"
    if pair.new.target is not None:
        return f"-> {pair.old.target} -> {pair.new.target}"
    return f"{change(pair.old.size, pair.new.size)}{_mode(pair)}"


def _mode(pair: Pair) -> str:
    return f", mode {pair.old.mode} -> {pair.new.mode}" if pair.has_new_mode else ""


def _commits(value: CommitRange, *, is_whole: bool) -> list[str]:
    lines = []
    if value.added or value.dropped or not value.unknown:
        told = [f"{len(value.added)} new", *([f"{len(value.dropped)} taken back"] if value.dropped else [])]
        lines.append(f"commits  {', '.join(told)}")
    if value.unknown:
        lines.append(f"commits  {'unknown' if not lines else 'note'}: {value.unknown}")
    rows = [("+", *_commit(each)) for each in value.added] + [("-", *_commit(each)) for each in value.dropped]
    return [*lines, *_cut(rows, is_whole=is_whole)]


def _commit(commit: Commit) -> tuple[str, str, str, str]:
    subject = f"{commit.subject}{' (merge)' if commit.is_merge else ''}"
    return commit.short_id, f"{commit.at:%Y-%m-%d}", commit.author, subject


def _tickets(title: str, tickets: Sequence[Ticket]) -> list[str]:
    if not tickets:
        return []
    if any(ticket.url for ticket in tickets):
        return [title, table([(ticket.name, ticket.url) for ticket in tickets], indent="  ")]
    return [f"{title}  {', '.join(ticket.name for ticket in tickets)}"]


def _cut(rows: Sequence[Sequence[str]], *, is_whole: bool) -> list[str]:
    shown = rows if is_whole else rows[:SHOWN]
    more = [f"  ... and {len(rows) - len(shown)} more: --all"] if len(rows) > len(shown) else []
    return [table(shown, indent="  "), *more] if shown else []


def comparison_document(value: Comparison) -> Any:
    """The same as JSON."""
    return plain(value)


def comparison_markdown(value: Comparison) -> str:
    """Release notes: tickets, commits and the sums of files."""
    lines = [f"## {value.new.version}", "", f"Since {value.old.version}.", ""]
    if value.tickets:
        lines += ["### Tickets", "", *(f"- {f'[{t.name}]({t.url})' if t.url else t.name}" for t in value.tickets), ""]
    for title, commits in (("Changes", value.commits.added), ("Taken back", value.commits.dropped)):
        told = [f"- {_escaped(each.subject)} (`{each.short_id}`, {_escaped(each.author)})" for each in commits]
        lines += [f"### {title}", "", *told, ""] if told else []
    if value.commits.unknown:
        lines += [f"Commits: {value.commits.unknown}.", ""]
    files = _counted(value.files) if value.files else f"unknown: {value.unknown}"
    return "\n".join([*lines, f"Files: {files}. Bundle: {change(value.old.size, value.new.size)}."])


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#" else letter for letter in text)


# --- prune -----------------------------------------------------------------------------------------


def retention(value: RetentionPlan) -> str:
    """What would go, and why everything else stays."""
    rows = [("keeps", each.release.version, each.release.short_digest, "; ".join(each.reasons)) for each in value.kept]
    for each in value.removals:
        shared = f"; the bundle stays for {', '.join(each.shared_with)}" if each.shared_with else ""
        rows.append(("removes", each.release.version, each.release.short_digest, f"{each.reason}{shared}"))
    for judged in value.strays:
        stray, since = judged.stray, f"{judged.stray.at:%Y-%m-%d %H:%M}"
        why = "; ".join(judged.reasons) or f"of {since}, in no release's record"
        digest = stray.digest.removeprefix("sha256:")[:12] or "-"
        rows.append(("keeps" if judged.reasons else "removes", f"{stray.kind} {stray.name[:12]}", digest, why))
    going, strays = len(value.removals) + len(value.strays_to_go), len(value.strays)
    staying = len(value.kept) + strays - len(value.strays_to_go)
    total = f"{going} to remove, {staying} to keep; {size(value.freed)} become free"
    return "\n".join([table(rows), total] if rows else [total])


# --- words -----------------------------------------------------------------------------------------


def size(count: int) -> str:
    """Bytes as people read them."""
    value, units = float(count), ("kB", "MB", "GB", "TB")
    if count < 1000:
        return f"{count} B"
    for unit in units:
        value /= 1000
        if value < 999.95 or unit == units[-1]:
            break
    return f"{value:.1f} {unit}"


def change(old: int, new: int) -> str:
    """How a size changed."""
    if old == new:
        return f"{size(new)}, unchanged in size"
    sign = "+" if new > old else "-"
    return f"{size(old)} -> {size(new)} ({sign}{size(abs(new - old))})"
