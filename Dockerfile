# The image of Relais: the site, the worker and its clock are three commands of it (see docker-compose.yml).

# The typeface comes from the registry of npm, checked against its hash; the repository holds no font.
FROM node:22-slim AS fonts
WORKDIR /fonts
ARG FONT=atkinson-hyperlegible-next
ARG FONT_VERSION=5.3.0
ARG FONT_SHA512=5272f3354cb5456a0b0dfc9d01ab4fe0d6919bdf57fd66d012987babf3f29899c214838ec0a3b1de9066a79cacf2daced1d33e08a1ae2607993fd7c0478990a4
RUN npm pack --silent "@fontsource-variable/${FONT}@${FONT_VERSION}" \
    && echo "${FONT_SHA512}  fontsource-variable-${FONT}-${FONT_VERSION}.tgz" | sha512sum --check --strict \
    && tar -xzf ./*.tgz --strip-components=1 package/LICENSE \
        "package/files/${FONT}-latin-wght-normal.woff2" "package/files/${FONT}-latin-ext-wght-normal.woff2"

FROM python:3.13-slim AS packages
COPY requirements.lock /tmp/
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r /tmp/requirements.lock

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUTF8=1 \
    DJANGO_SETTINGS_MODULE=backend.settings \
    STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin relais \
    && install --directory --owner relais --group relais /var/lib/relais /var/lib/attachments
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
COPY --from=fonts /fonts/files/ /fonts/LICENSE backend/static/fonts/
# Nothing of the demonstration stays in the image: the settings only have to load.
RUN cp backend/fonts/fonts.css backend/static/fonts/ \
    && RELAIS_DEMO=1 SECRET_KEY=build python manage.py collectstatic --noinput --verbosity 0
USER relais
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s CMD ["python", "bin/healthcheck.py"]
CMD ["python", "-m", "gunicorn", "backend.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "3", "--threads", "4", "--max-requests", "5000", "--max-requests-jitter", "500", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
