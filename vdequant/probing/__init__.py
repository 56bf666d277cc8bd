"""What ``vdequant probe`` says beyond the plan: one question a file, asked of sampled frames and of consecutive ones.

Nothing here decides a restoration; what does is in :mod:`vdequant.quantizers.estimate`. To ask one more question, write
a function of pictures, or a class with ``push(view)`` for consecutive frames, in a file of its own, give
:class:`~vdequant.probing.report.Report` a field for its answer, and a line if people should read it.
"""
