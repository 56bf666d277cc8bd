"""Reading and writing: the only place that knows PyAV, OpenCV's and Pillow's picture files.

    open_source(path, settings) ──► Frame, SidePacket, Frame, ... ──► open_sink(plan, source)
                                                     plan_output(path, info, settings) ──► plan

A **source** yields every picture once, as stored planes with their own time, and in between the sound and subtitle
packets as they lie in the file; it knows ``info`` before the first picture and collects ``warnings``. A **sink**
writes beside the target and renames at the end. A **plan** is pure data: what will be written, and why.

To add a kind of input, write a class with the methods of ``source.Source`` and one line in ``source.open_source``;
to add an encoder, one row in ``codecs.CODECS``; to add a container, one row in ``containers.CONTAINERS``. The
contract tests in ``tests/media/test_media_contract.py`` run over all of them.
"""
