"""`pithstore put`: store records from files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, progress_bar, say
from pithstore.cli.refused import say_refused
from pithstore.errors import EXIT_DONE, EXIT_PARTLY, InvalidRecord, UsageError
from pithstore.times import read_time

if TYPE_CHECKING:
    from pithstore.put_files import FilePut, ObservedAt
    from pithstore.results import PutSummary


@click.command("put", short_help="Store records from files.")
@options.shared_options
@click.argument("files", nargs=-1, metavar="FILE|DIR|-...")
@click.option("--at", "at", metavar="TIME", help="When the records were observed; now if not given.")
@click.option("--at-pointer", metavar="POINTER", help="Where each record says when it was observed.")
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="What to do behind a record that is refused.",
)
@click.option("--again", is_flag=True, help="Put files that were put before once more, and mend damage.")
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", help="Processes that prepare records; none if not given."
)
@click.option(
    "--from-archive", "archive", metavar="FILE", help="Restore an archive of 'export' into an empty store."
)
def command(
    files: tuple[str, ...],
    at: str | None,
    at_pointer: str | None,
    on_error: str,
    again: bool,
    workers: int | None,
    archive: str | None,
) -> int:
    """Store the records in files of JSON or JSON Lines, plain, .gz or .zst; told apart by their content.

    A directory is walked in byte order of its paths.  A file is put once: put again, it is skipped, and one that
    was interrupted goes on where it stopped.  Exit 3 if some records were refused, 6 if all were.

    JSON, one object: "records" (the sum of the next three), "versions", "unchanged", "refused", "sections",
    "new_sections".
    """
    if archive is not None:
        return _restore(archive, files, at, at_pointer, again, workers)
    if not files:
        raise click.UsageError("Missing argument 'FILE|DIR|-...'")
    from pithstore.put_files import FilePut, Listener

    observed_at = _observed_at(at, at_pointer)
    paths = list(_walk(files))
    with options.open_store(readonly=False) as store, progress_bar("put", _bytes(paths)) as advance:
        listener, stop = Listener(say_refused, say, advance), on_error == "stop"
        work = FilePut(store, observed_at, listener, again=again, stop=stop, workers=workers)
        work.put(paths)
        if work.stopped:
            say("stopped at the first record that was refused; what came before it is stored")
        loose = store.loose_bytes() if work.summary.versions else 0
    _print_summary(work.summary)
    _say_loose(loose)
    return _exit_code(work)


def _restore(archive: str, *others: object) -> int:
    from pithstore.export.archive_file import ArchiveFile
    from pithstore.export.restore import restore_archive

    if any(others):
        raise UsageError("--from-archive restores an archive as it is; leave out other files and options")
    with progress_bar("restore", 2 * _bytes([archive])) as advance:
        summary = restore_archive(options.store_path(), ArchiveFile(archive, advance), say)
    with options.open_store() as store:
        loose = store.loose_bytes() if summary.versions else 0
    _print_summary(summary)
    _say_loose(loose)
    return EXIT_DONE


def _observed_at(at: str | None, pointer: str | None) -> ObservedAt:
    from pithstore.pointer import read_pointer
    from pithstore.put_files import ObservedAt

    if at is not None and pointer is not None:
        raise UsageError("--at and --at-pointer both say when the records were observed; give one of them")
    if pointer is not None and not read_pointer(pointer):
        raise UsageError("--at-pointer needs a JSON Pointer to a value in the record, as in /observed")
    return ObservedAt(None if at is None else read_time(at), pointer)


def _walk(names: Iterable[str]) -> Iterator[str]:
    """The files, with directories replaced by the files below them in byte order of their paths."""
    for name in names:
        if name == "-" or not os.path.isdir(name):
            yield name
            continue
        if _is_store(name, options.store_path()):
            raise UsageError(f"{name} is the store itself; give files of records, or a directory of them")
        yield from sorted(_below(name), key=os.fsencode)


def _below(directory: str) -> Iterator[str]:
    store = options.store_path()
    for here, directories, files in os.walk(directory, onerror=_cannot_walk):
        directories[:] = [name for name in directories if not _is_store(os.path.join(here, name), store)]
        for name in files:
            path = os.path.join(here, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def _is_store(directory: str, store: str) -> bool:
    """Whether the directory is the store that the records go into."""
    return os.path.exists(store) and os.path.samefile(directory, store)


def _cannot_walk(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}")


def _bytes(paths: Iterable[str]) -> int:
    return sum(os.path.getsize(path) for path in paths if os.path.isfile(path))


def _print_summary(summary: PutSummary) -> None:
    if options.wants_json():
        names = ("records", "versions", "unchanged", "refused", "sections", "new_sections")
        print_json({name: getattr(summary, name) for name in names})
        return
    records, versions = _count(summary.records, "record"), _count(summary.versions, "new version")
    print_line(
        f"{records}: {versions}, {summary.unchanged:,} unchanged, {summary.refused:,} refused; "
        f"{summary.new_sections:,} of {summary.sections:,} sections were new"
    )


def _say_loose(loose: int) -> None:
    if loose:
        say(f"{loose / 1e6:,.0f} MB of the store are as they were put; 'pithstore compact' writes them densely")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _exit_code(work: FilePut) -> int:
    summary = work.summary
    if not summary.refused:
        return EXIT_DONE
    accepted = summary.versions + summary.unchanged + work.accepted_before
    return EXIT_PARTLY if accepted else InvalidRecord.exit_code
