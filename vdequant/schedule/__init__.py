"""Keeps the machine busy: which device and number type, frame-parallel workers or GPU batches, tiles with a halo.

Nothing here knows what is computed; it is handed functions from frames to frames. The stages are joined in
``stages.run_stages`` by bounded queues, so memory does not grow with the length of a clip.
"""
