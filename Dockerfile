# Serves the run that is mounted at /run-folder: docs/guide/serve.md. Linted with hadolint; not built yet.
FROM python:3.11.7-slim-bookworm
WORKDIR /app
COPY pyproject.toml README.md LICENSE NOTICE constraints.txt ./
COPY src ./src
RUN pip install --no-cache-dir --constraint constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu \
        torch==2.13.0 \
    && pip install --no-cache-dir --constraint constraints.txt '.[serve]' \
    && useradd --create-home --uid 10001 flawforge
USER 10001
EXPOSE 8000
# Other machines are let in, so FLAWFORGE_TOKEN must be given; without it the server refuses to start.
ENTRYPOINT ["flawforge", "serve", "/run-folder", "--host", "0.0.0.0"]
HEALTHCHECK --interval=30s --timeout=5s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health', headers={'Authorization': 'Bearer ' + os.environ['FLAWFORGE_TOKEN']}), timeout=4)"]
