FROM python:3.11-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner postgres --group postgres --mode 0700 /var/lib/postgresql/data
COPY postgres.sh /
USER postgres
CMD ["sh", "/postgres.sh"]
