"""Is this address worth delivering to, and why?

``judge`` is pure; ``facts`` is the only module that reads files; ``services.check`` is
the one call the rest of the product uses.
"""
