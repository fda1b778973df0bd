FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    CONTACTSYNC_HOME=/data \
    STATIC_ROOT=/app/static

RUN useradd --system --create-home --uid 10001 contactsync \
    && install -d -o contactsync -g contactsync /data

WORKDIR /app
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock

COPY . .
# A manifest, even an empty one, switches the settings to hashed file names. The
# secrets of this step are made for it alone and stay out of the image.
RUN mkdir "$STATIC_ROOT" \
    && echo '{"version": "1.1", "paths": {}, "hash": ""}' > "$STATIC_ROOT/staticfiles.json" \
    && CONTACTSYNC_HOME=/tmp/build python manage.py collectstatic --noinput \
    && rm -rf /tmp/build

USER contactsync
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "contactsync.wsgi:application", "--bind", "0.0.0.0:8000", \
     "--worker-class", "gthread", "--workers", "2", "--threads", "4", \
     "--keep-alive", "30", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
