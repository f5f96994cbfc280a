# The judge's container. Any builder will do: nothing here needs BuildKit, so old self-hosted engines build it too.
# The base is named by its digest, so pinning the action pins it, too; Dependabot keeps it up to date.
FROM debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f AS base

FROM base AS builder
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates python3-venv python3-pip >/dev/null
COPY requirements.lock /tmp/
# Only wheels, only the locked ones: no code of a dependency runs while the image is built. What is never imported
# (tests, type stubs, C headers, the parts of scipy that special, optimize and stats do not need) is left behind.
RUN python3 -m venv --without-pip /opt/regress \
 && python3 -m pip --python /opt/regress install --quiet --require-hashes --only-binary :all: --requirement /tmp/requirements.lock \
 && site=$(echo /opt/regress/lib/python3*/site-packages) \
 && find "$site" -depth -type d \( -name tests -o -name test -o -name include \
    -o -path '*/scipy/datasets' -o -path '*/scipy/fftpack' -o -path '*/scipy/io' -o -path '*/scipy/odr' -o -path '*/scipy/signal' \) -exec rm -rf {} + \
 && find "$site" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.h' -o -name '*.a' \) -delete
COPY src /opt/regress/src
RUN echo /opt/regress/src > "$(echo /opt/regress/lib/python3*/site-packages)/regress_action.pth" \
 && /opt/regress/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/regress

FROM base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# git carries history. What it brings along for mail, for serving and for people stays out.
# hadolint ignore=DL3008
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates git python3 >/dev/null \
 && dpkg --purge --force-depends git-man liberror-perl perl libperl5.40 perl-modules-5.40 >/dev/null \
 && rm -f /usr/lib/git-core/git-{daemon,fast-import,http-backend,http-fetch,http-push,imap-send,instaweb,shell} /usr/lib/git-core/scalar \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/{git-core/contrib,info,locale,man}
COPY --from=builder /opt/regress /opt/regress
# The root file system is read-only at work; /scratch is memory.
ENV HOME=/scratch TMPDIR=/scratch OPENBLAS_NUM_THREADS=1 PYTHONUNBUFFERED=1
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="regress-action" \
      org.opencontainers.image.description="Find performance regressions in CI, prove them, and stay silent when nothing happened." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# -I: neither the workspace nor the environment decides what is imported.
ENTRYPOINT ["/opt/regress/bin/python", "-I", "-m", "regress_action"]
CMD ["ci"]
