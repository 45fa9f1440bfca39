# One image for every role: gateway, ranker, and the jobs that index and train.
FROM python:3.11-slim AS builder
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/duolu

# Libraries first: this layer is built again only when one of these two files changes. The lock
# constrains, pyproject.toml chooses: what only tests and benchmarks need stays out, the clients of
# PostgreSQL and Redis come along.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
    more = p['optional-dependencies']; \
    print(*p['dependencies'], *more['postgres'], *more['redis'], sep='\n')" > runtime.txt \
 && /opt/duolu/bin/pip install --constraint requirements.lock --requirement runtime.txt

COPY README.md LICENSE ./
COPY app/ app/
RUN /opt/duolu/bin/pip install --no-deps .


FROM python:3.11-slim
# LightGBM's wheel needs the system's OpenMP runtime.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*
# The folders are made here, so that volumes mounted on them belong to the user.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /srv/duolu duolu \
 && install --directory --owner duolu --group duolu \
      /var/lib/duolu/data /var/lib/duolu/models /var/cache/duolu

COPY --from=builder /opt/duolu /opt/duolu
WORKDIR /srv/duolu
COPY scripts/ scripts/
COPY models/ models/
COPY config/ config/

# Compiled for the processor that builds the image, where DUOLU_KERNELS says. The service may not
# write there, and on another processor it compiles again: container.sh copies them to where it may,
# which the link names.
ENV PATH=/opt/duolu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DUOLU_DATA=/var/lib/duolu/data \
    DUOLU_MODELS=/var/lib/duolu/models \
    DUOLU_KERNELS=/usr/local/share/duolu/kernels \
    NUMBA_CACHE_DIR=/srv/duolu/kernels \
    PORT=8000
RUN python scripts/compile_kernels.py "$DUOLU_KERNELS" \
 && ln -s "/var/cache/duolu/$(ls "$DUOLU_KERNELS")" "$NUMBA_CACHE_DIR"

USER duolu
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=600s CMD ["python", "scripts/healthy.py"]
ENTRYPOINT ["sh", "scripts/container.sh"]
CMD ["duolu", "serve", "--host", "0.0.0.0"]
