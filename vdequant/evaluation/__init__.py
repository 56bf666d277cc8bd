"""Honest measurement: the same pictures, the same run, always with the untouched input and the strongest peers.

datasets (clean pictures and clips) ─► degradations (what is stored) ─► methods (restorers, peers, nothing) ─► scores
─► run (all of it, with a cache) ─► report (JSON, Markdown, contact sheet)

Protocol: truth and stored pictures are 8-bit RGB; PSNR has its peak at 255 and is the mean over pictures of the values
of all three channels together; restorers are measured on their float results in their cells, peers on the 8-bit
pictures that they give. To add a peer, see ``peers.py``; to add a score, ``scores.py``.
"""
