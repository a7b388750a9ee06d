# genrestream on CPUs: docker build -t genrestream . && docker run --rm -v ~/Music:/music -v "$PWD":/work genrestream scan /music
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/genrestream \
    && /opt/genrestream/bin/pip install --no-cache-dir '.[parquet,tags,watch]'

FROM python:3.13-slim-bookworm
RUN useradd --create-home --uid 1000 listener && install -d -o listener /work
COPY --from=build /opt/genrestream /opt/genrestream
ENV PATH=/opt/genrestream/bin:$PATH GENRESTREAM_CACHE=/tmp/genrestream PYTHONUNBUFFERED=1
USER 1000
WORKDIR /work
ENTRYPOINT ["genrestream"]
CMD ["--help"]
