# One small image for the service, its worker and every command line tool. The
# pages' third-party files are fetched by lockfile, the program is static, and
# the last stage holds nothing else: no shell, no package manager, no root.
FROM node:22-bookworm-slim AS assets
WORKDIR /src/internal/web
COPY internal/web/package.json internal/web/package-lock.json internal/web/.npmrc ./
RUN npm ci --ignore-scripts

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /src/internal/web/node_modules internal/web/node_modules
RUN go run ./internal/web/assetsbuild
ARG VERSION=development
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/cloister ./cmd/cloister \
 && mkdir -p /out/state

# Certificates and time zones come with this base; a clinic's day needs the zones.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/cloister /usr/local/bin/cloister
COPY --from=build --chown=nonroot:nonroot /out/state /var/lib/cloister
ENV CLOISTER_HOST=0.0.0.0 PORT=8080 CLOISTER_STATE_DIR=/var/lib/cloister CLOISTER_LOG_FORMAT=json
EXPOSE 8080
VOLUME /var/lib/cloister
USER nonroot
ENTRYPOINT ["cloister"]
CMD ["serve"]
