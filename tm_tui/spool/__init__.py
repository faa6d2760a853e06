"""What is accepted and not yet delivered: events on disk, sealed into immutable batches.

On the disk
-----------
    lock        one process at a time: the kernel's lock, which ends with its holder
    queue/      SQLite: events that are not sealed, the list of batches, ids of producers, a copy of marks.
                Its log has its blocks beforehand (zeros, 4 MB), so that a commit changes no file's size
    batches/    one file for each sealed batch; its name carries the first number and the hash of its bytes
    marks       how far each kind was delivered: two slots of fixed size, written in turn
    newest      the newest number given, and the spool's own clock; written, not waited for
    ballast     room for a full disk: given up in pieces, so that sealing and confirming go on
    damaged/    what was no whole file of ours, the newest five

What always holds
-----------------
1. An event is accepted once its commit is on the disk (fsync), and not before. From then on it is in the
   database, in a batch file, or delivered. We deliver it once; a repeat carries the same name.
2. Each event has a number, one more than the one before, and no number is given twice, whatever was lost. So
   what was accepted, less what was confirmed, less what waits, is what damage has cost: the status's `lost`.
3. A batch file is there whole or not at all, and never changes. Once it has its name it stands for its
   events, also where the database has them still.
4. What the marks say was delivered is gone, wherever it turns up again. Only the first batch of its kind is
   confirmed, so one number for each kind says it all.
5. Each line has a CRC-32 from its acceptance on, each row one of its numbers, each batch its hash and zstd's
   checksum. What does not fit is left out and counted, never delivered.
6. One thread does all that changes something, in order (writer.py). Only compressing a batch, and reading one
   to deliver it, go on beside it.

A kill at each point
--------------------
The names are those of `Trace`: tests/faults/test_spool_kill.py and `python -m benchmarks.faults` end the
process there. The next start (recovery.py) brings all into step, and may itself be ended anywhere.

    commit              nothing of these events is there, and nobody was told that they were accepted
    committed           they are there; whoever got no answer repeats them, and known ids are not taken twice
    seal, rename        as before; a `.new-` file is removed
    renamed, sealed     the batch stands, the database has its events still: it is filed, and they are dropped
    recorded            batch and database agree
    vacuum, vacuumed    only free pages change
    confirm             the server has the batch: it is delivered again, meets its own name, and is harmless
    marked, unlinked    delivered: its file and its record are dropped
    dropped             nothing is left of it
    split               the halves are not filed, and cover numbers of a batch that is: they are removed

A power loss may take back a rename that was not synced yet: then it was before it. Nothing else differs.

A full disk
-----------
A commit that finds no room is taken back and refused; nothing that was accepted depends on it. Sealing,
confirming and a start use the ballast. Marks are written over themselves, which needs no room.

What damage costs
-----------------
    a line or row in the database      that line or row: all else in the file is saved (salvage.py)
    the whole database                 the events that were not sealed; batches are filed again by their files
    a batch file                       its altered lines: the others are sealed anew, under another name
    a batch file's name                nothing: it gets its own back
    the marks                          nothing, or the newest confirmation: the database has a copy
    the marks and the database         what was delivered before is not known: the status says so
    newest                             nothing while the database is whole; else how many there were
"""
