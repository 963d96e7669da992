# The server in a container: docs/container.md says how to build and run it.

FROM python:3.11.15-slim-bookworm AS python


FROM python AS build
# Another pinned list makes an image for an accelerator.
ARG REQUIREMENTS=requirements/serve.txt
WORKDIR /build
RUN python -m venv --without-pip /opt/venv
COPY ${REQUIREMENTS} requirements.txt
# Wheels only, so that no compiler is missed. The tests of NumPy and SciPy are 50 MB with byte code.
# Compiled here, because the final stage cannot write; the byte code is never checked against its
# source again, because nobody else can write it either.
RUN python -m pip --python /opt/venv/bin/python install \
        --no-cache-dir --no-compile --only-binary :all: --require-hashes -r requirements.txt \
    && find /opt/venv/lib/python3.11/site-packages/numpy /opt/venv/lib/python3.11/site-packages/scipy \
        -type d -name tests -prune -exec rm -rf {} + \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
WORKDIR /app
COPY LICENSE ./
COPY models models
COPY probes probes
COPY api api
# Whatever the umask of who checked it out: anybody may read, and only root may write.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash . \
    && chmod -R a+rX,go-w .


FROM python
LABEL org.opencontainers.image.title="Lightwell" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed at run time.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip \
        /usr/local/lib/python3.11/site-packages/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin lightwell
# No secret: the word that goes without a token.
# hadolint ignore=DL3064
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIGHTWELL_CACHE=none \
    LIGHTWELL_HOST=0.0.0.0 \
    LIGHTWELL_PORT=8000 \
    LIGHTWELL_TOKEN=none
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# http.client, and not urllib, which would ask the proxy that Docker may have set. The certificate
# is for the names of the server, and not for 127.0.0.1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-IS", "-c", "import http.client as http, os, ssl, sys; address = ('127.0.0.1', int(os.environ['LIGHTWELL_PORT'])); server = http.HTTPSConnection(*address, timeout=4, context=ssl._create_unverified_context()) if os.environ.get('LIGHTWELL_SSL_CERTFILE') else http.HTTPConnection(*address, timeout=4); server.request('GET', '/readyz'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "api"]
