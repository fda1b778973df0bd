"""Forms of the list cleaning pages."""

from __future__ import annotations

from typing import Any

from django import forms

from hygiene.cleaning.columns import Preview
from hygiene.cleaning.reading import DELIMITERS, ENCODINGS
from hygiene.cleaning.services import Choices


class UploadForm(forms.Form):
    """A file, or text pasted into the page."""

    file = forms.FileField(
        label="File",
        required=False,
        allow_empty_file=True,
        help_text="CSV or text, up to 512 MB and 1,000,000 rows.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    text = forms.CharField(
        label="Or paste addresses",
        required=False,
        strip=False,
        help_text="One a line, or rows with commas as in a CSV file. Up to 2 MB.",
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "placeholder": "mira@example.com\nomar@example.com",
                "spellcheck": "false",
            }
        ),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            text = (given.get("text") or "").strip()
            if not given.get("file") and not text:
                self.add_error("file", "Choose a file, or paste addresses.")
            elif given.get("file") and text:
                self.add_error("text", "Choose a file or paste addresses, not both.")
        return given


class ReadingForm(forms.Form):
    """How the file is read; a GET, so that it shows in the preview at once."""

    encoding = forms.ChoiceField(choices=list(ENCODINGS.items()), required=False)
    delimiter = forms.ChoiceField(
        choices=list(DELIMITERS.items()), required=False, label="Cells end with"
    )
    header = forms.ChoiceField(
        choices=[("yes", "Headings"), ("no", "The first row of the list")],
        required=False,
        label="The first row is",
    )

    def chosen(self) -> dict[str, Any]:
        """Arguments of ``services.look``; what was not chosen is left out."""
        given = self.cleaned_data if self.is_valid() else {}
        header = given.get("header")
        return {
            "encoding": given.get("encoding", ""),
            "delimiter": given.get("delimiter", ""),
            "has_header": header == "yes" if header else None,
        }

    @classmethod
    def showing(cls, preview: Preview) -> ReadingForm:
        return cls(
            initial={
                "encoding": preview.encoding,
                "delimiter": preview.delimiter,
                "header": "yes" if preview.has_header else "no",
            }
        )


class ColumnsForm(forms.Form):
    """Which column is what. Built from a preview, whose columns are the choices."""

    email = forms.TypedChoiceField(
        coerce=int,
        label="Email column",
        error_messages={"required": "Choose the column that holds the addresses."},
    )
    first_name = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        required=False,
        label="First name column",
    )
    last_name = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, label="Last name column"
    )

    def __init__(self, preview: Preview, data: Any = None) -> None:
        guessed = {
            "email": preview.email,
            "first_name": preview.first_name,
            "last_name": preview.last_name,
        }
        super().__init__(data, initial=guessed)
        self._preview = preview
        columns = list(enumerate(preview.names))
        empty = {"email": "Choose a column", "first_name": "None", "last_name": "None"}
        for name, label in empty.items():
            field: Any = self.fields[name]
            field.choices = [("", label), *columns]

    def choices(self) -> Choices:
        """Only after ``is_valid``."""
        shown, given = self._preview, self.cleaned_data
        return Choices(
            encoding=shown.encoding,
            delimiter=shown.delimiter,
            has_header=shown.has_header,
            email=given["email"],
            first_name=given["first_name"],
            last_name=given["last_name"],
        )
