"""One pure function per rule, a module per noun.

``Host`` or ``Case`` in, ``Finding`` or ``None`` out. Their order, and what
wins over what, is in ``hygiene.judge``.
"""
