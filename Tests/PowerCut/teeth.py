"""Runs of a gateway from which one of the store's promises was taken away (`shim.c`): the rig must notice each."""

import time

from cut import MODELS
from scenes import MIB, Stage, small_store
from writelog import BLOCK


def without_sync(rig, name):
    """fdatasync does nothing"""
    return toothless(rig, name, "nosync", 40)


def without_ledger(rig, name):
    """a slot is written over while the ledger that gave it up may not be there yet"""
    return crowded(rig, name, "ledger", lambda books: books["evicted"] > 0, points=50)


def shifted(rig, name):
    """the store's blocks are no longer the medium's"""
    return toothless(rig, name, "shift", 60, shift=3584, alignment=512)


def packed_without_sync(rig, name):
    """fdatasync does nothing while old segments are packed"""
    return packed(rig, name, "nosync")


def packed_header_first(rig, name):
    """a packed segment may count before its rows are there"""
    return packed(rig, name, "packed")


def packed_late(rig, name):
    """a slot is free before its rows are packed elsewhere"""
    return packed(rig, name, "late")


def without_summary(rig, name):
    """rows are settled while what stands for them may not be there yet"""
    return crowded(rig, name, "summary", lambda books: books["thinned"] > 0, points=50, evict="thin")


#: (run, the models and the classes of its cuts)
TEETH = [(without_sync, MODELS, ()), (without_ledger, ["drop"], ("ledger", "rotation")),
         (shifted, ["garbage"], ("commit",)), (packed_without_sync, MODELS, ()),
         (packed_header_first, ["drop", "torn"], ("packed rows", "packed header")),
         (packed_late, MODELS, ("rotation",)), (without_summary, ["drop"], ("summary",))]


def toothless(rig, name, what, commits, shift=0, alignment=BLOCK):
    stage = Stage(rig, name, 10 * MIB, every="50ms", points=50, preload=rig.shim(what))
    stage.make_small_slots(shift)
    stage.gateway.start()
    stage.live(commits)
    stage.gateway.kill()
    return stage.finish(alignment=alignment)


def packed(rig, name, what):
    return crowded(rig, name, what, lambda books: books["thinned"] > 0, points=26, evict="thin")


def crowded(rig, name, what, is_enough, **options):
    stage = small_store(rig, name, preload=rig.shim(what), **options)
    stage.platform.up = False
    stage.gateway.start()
    stage.live_until("what the scene is about", is_enough)
    time.sleep(8)
    stage.gateway.kill()
    return stage.finish(evicts=True)
