"""Where simulators keep their documents: a SQLite file, or nowhere."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from integrations.sandbox.messages import Json

Change = tuple[str, str, Json | None]  # kind, key, document or None for "gone"


class Store:
    """Documents by (simulator, kind, key).

    With a path every save is one committed transaction, so a killed sandbox keeps
    what it acknowledged (write-ahead log, synchronous=NORMAL: a power cut may take
    the last commits, a crash of the process takes none). Without a path nothing is
    kept.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        if path is None:
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=10
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (simulator TEXT, kind TEXT,"
            " key TEXT, body TEXT NOT NULL, PRIMARY KEY (simulator, kind, key))"
            " WITHOUT ROWID"
        )

    def load(self, simulator: str) -> list[tuple[str, str, Json]]:
        """Every (kind, key, document) a simulator saved."""
        if self._db is None:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT kind, key, body FROM documents WHERE simulator = ?",
                (simulator,),
            ).fetchall()
        return [(kind, key, json.loads(body)) for kind, key, body in rows]

    def save(self, simulator: str, changes: Iterable[Change]) -> None:
        """Write and delete documents in one transaction."""
        if self._db is None:
            return
        kept, gone = [], []
        for kind, key, document in changes:
            if document is None:
                gone.append((simulator, kind, key))
            else:
                body = json.dumps(document, separators=(",", ":"))
                kept.append((simulator, kind, key, body))
        if not kept and not gone:
            return
        with self._lock, self._transaction() as db:
            db.executemany(
                "DELETE FROM documents WHERE simulator = ? AND kind = ? AND key = ?",
                gone,
            )
            db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", kept)

    def clear(self, simulator: str) -> None:
        """Forget everything a simulator saved."""
        if self._db is None:
            return
        with self._lock, self._transaction() as db:
            db.execute("DELETE FROM documents WHERE simulator = ?", (simulator,))

    def close(self) -> None:
        """Close the file; the store keeps nothing from then on."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _transaction(self) -> _Transaction:
        assert self._db is not None
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(self, kind: object, *details: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
