"""What a reader was shown as saved is there again, whatever stopped the program."""

import json
import os
import subprocess
import sys

import pytest

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no fork and no SIGKILL")

# A child tags at random and reports each change that has returned, until it is
# killed. Forked from one process, since starting Python 200 times takes minutes.
KILLS = """
import json, os, random, signal, sys, time, warnings
from pathlib import Path
from napari_mcwss.tags.journal import Edit
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.table import Tag, TagTable

SLICES, CLASSES = 12, ("TC", "ED")
folder, kills = Path(sys.argv[1]), int(sys.argv[2])
warnings.simplefilter("ignore")

def store():
    return ScanTags(folder, "a", SLICES, ClassNames(CLASSES))

def edits(seed):
    chance = random.Random(seed)
    while True:
        kind = chance.choice(["change"] * 8 + ["compact", "write"])
        where = chance.randrange(SLICES), chance.choice(CLASSES)
        yield kind, where, chance.choice(list(Tag))

def do(table, edit):
    kind, where, tag = edit
    if kind == "change":
        table.set(*where, tag)
    elif kind == "write":
        table.values[: where[0]] = tag

def work(seed, pipe):
    for edit in edits(seed):
        kind, where, tag = edit
        if kind == "change":
            store().apply([Change(*where, tag, Tag.UNKNOWN)], Edit((), reader="reader"))
        elif kind == "compact":
            store().compact()
        else:
            table = store().read()
            do(table, edit)
            store().write(table)
        os.write(pipe, b".")

lost, shown = [], 0
for seed in range(kills):
    before = store().read()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        work(seed, write_end)
    os.close(write_end)
    chance = random.Random(-seed)
    # Counted in edits, not in seconds: on a busy machine these take much longer.
    done = chance.randint(1, 6)
    begin = time.monotonic()
    for _ in range(done):
        os.read(read_end, 1)
    time.sleep(chance.random() * (time.monotonic() - begin) / done)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while found := os.read(read_end, 4096):
        done += len(found)
    os.close(read_end)
    shown += done
    found = store().read().values.tolist()
    table, steps = before, edits(seed)
    for _ in range(done):
        do(table, next(steps))
    # The edit at which the child was killed counts in whole or not at all.
    possible = [table.values.tolist()]
    do(table, next(steps))
    possible.append(table.values.tolist())
    if found not in possible:
        lost.append(seed)
print(json.dumps({"lost": lost, "shown": shown}))
"""


@posix_only
def test_200_kills_at_random_moments_lose_nothing_that_was_shown(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLS, tmp_path, "200"], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert result["lost"] == []
    assert result["shown"] > 400
    leftovers = [path for path in tmp_path.iterdir() if path.name not in ("a.csv", ".journal")]
    assert all(path.name.startswith(".") for path in leftovers)


FULL = """
import json, resource, signal, sys
from pathlib import Path
from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.table import Tag

store = ScanTags(Path(sys.argv[1]), "a", 1500, ClassNames(("TC",)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, unlimited[1]))
shown = 0
try:
    for index in range(1500):
        store.apply([Change(index, "TC", Tag.PRESENT, Tag.UNKNOWN)])
        shown += 1
except McwssError as error:
    message = str(error)
try:
    store.compact()
except McwssError as error:
    compacting = str(error)
kept = int(store.read().tagged.sum())
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
store.apply([Change(shown, "TC", Tag.PRESENT, Tag.UNKNOWN)])
store.compact()
again = int(store.read().tagged.sum())
print(json.dumps([message, compacting, shown, kept, again]))
"""


@posix_only
def test_a_file_system_that_runs_full_keeps_what_was_shown_and_goes_on_later(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True
    )
    message, compacting, shown, kept, again = json.loads(done.stdout)
    assert "nothing was changed" in message
    assert "nothing was changed" in compacting
    assert 10 < shown < 100
    assert kept == shown
    assert again == shown + 1


READ_ONLY = """
import json, os, shutil, sys, tempfile
from pathlib import Path
from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.table import Tag

folder = Path(tempfile.mkdtemp())
def turn(folders, files):
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)

store = ScanTags(folder, "a", 3, ClassNames(("TC",)))
store.apply([Change(0, "TC", Tag.PRESENT, Tag.UNKNOWN)])
store.compact()
store.apply([Change(1, "TC", Tag.PRESENT, Tag.UNKNOWN)])
store.read()
if os.geteuid() == 0:
    # Modes do not keep the superuser from writing.
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
turn(0o555, 0o444)
messages = []
for act in (lambda: store.apply([Change(2, "TC", Tag.PRESENT, Tag.UNKNOWN)]), store.compact):
    try:
        act()
    except McwssError as error:
        messages.append(str(error))
kept = store.read().values.ravel().tolist()
turn(0o755, 0o644)
store.apply([Change(2, "TC", Tag.ABSENT, Tag.UNKNOWN)])
store.compact()
print(json.dumps([messages, kept, store.read().values.ravel().tolist()]))
shutil.rmtree(folder, ignore_errors=True)
"""


@posix_only
def test_a_folder_turned_read_only_keeps_what_was_shown_and_goes_on_later():
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY], capture_output=True, text=True, check=True
    )
    messages, kept, again = json.loads(done.stdout)
    assert len(messages) == 2
    assert all("Permission denied; nothing was changed" in message for message in messages)
    assert kept == [1, 1, -1]
    assert again == [1, 1, 0]
