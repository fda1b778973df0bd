"""Mailchimp, Marketing API 3.0.

Behaviour follows the reference at https://mailchimp.com/developer/marketing/api/
and its error glossary; what had to be guessed is listed in docs/sandbox.md.
"""
