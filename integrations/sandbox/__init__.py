"""Provider simulators with a fault dial: a WSGI app of its own.

The product never imports this package; it talks to it over HTTP, by pointing a
provider's base address at ``<sandbox>/<slug>``. Standard library only.
"""
