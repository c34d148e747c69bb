"""What a run stands on: the tools, the binaries, a certificate, and words for the machine."""

import glob
import gzip
import json
import os
import platform
import re
import shutil
import subprocess
import sys

from .proxy import Failed

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Program: the Debian package that has it.
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk",
            "h2load": "nghttp2-client", "openssl": "openssl"}


def say(words):
    print(words, file=sys.stderr, flush=True)


def find(program):
    # Servers are in folders that are not on everybody's path.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
    return shutil.which(program, path=path)


def tools():
    """Paths of all programs; what is missing is installed from Debian's packages."""
    return install(PACKAGES)


def install(packages):
    """Paths of programs, by name; `packages` has the Debian package of each."""
    missing = [package for program, package in packages.items() if not find(program)]
    if missing:
        if os.geteuid() != 0 or not find("apt-get"):
            raise Failed("missing: apt-get install --no-install-recommends " + " ".join(missing))
        say("installing " + " ".join(missing))
        # At this run level the packages' scripts start no service: none is wanted here.
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["update", "-qq"],
                        ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *command], env=quiet, stdout=sys.stderr, check=True)
    found = {program: find(program) for program in packages}
    if not all(found.values()):
        raise Failed("still missing: " + " ".join(p for p in found if not found[p]))
    return found


def build(*arguments):
    """Builds with cargo and returns the path of the executable."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json", *arguments]
    say("building: " + " ".join(command[:3] + list(arguments)))
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed("the build failed")
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("executable")][-1]


def build_production():
    """The binary as it is deployed: without the simulator."""
    return build("-p", "evenkeel", "--no-default-features")


def build_tool():
    """The origin and the clients, in a target folder of their own."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    manifest = os.path.join(HERE, "tool", "Cargo.toml")
    return build("--manifest-path", manifest, "--target-dir", os.path.join(target, "peers"))


def certificate(openssl, folder):
    """A certificate for localhost, ECDSA with P-256: (certificate, key, both in one file)."""
    cert, key, both = (os.path.join(folder, name) for name in ("cert.pem", "key.pem", "both.pem"))
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
        stderr=subprocess.DEVNULL, check=True)
    with open(both, "w") as out:
        for part in (cert, key):
            with open(part) as file:
                out.write(file.read())
    return cert, key, both


def irq_is_apart():
    """Whether this kernel leaves interrupts out of the time of the process they interrupt.

    Then the network's part of a request is missing from every proxy's CPU alike.
    """
    release = platform.release()
    for path in ["/proc/config.gz", "/boot/config-" + release, "/lib/modules/%s/config" % release]:
        try:
            with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
                return "CONFIG_IRQ_TIME_ACCOUNTING=y" in file.read()
        except OSError:
            continue
    return False


def first_version(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    match = re.search(r"\d+(\.\d+)+", done.stdout)
    return match[0] if match else "unknown"


def describe(tools, binary, is_built_here):
    """What belongs beside every number."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    commit = ""
    if is_built_here:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        commit = done.stdout.strip()
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        congestion = file.read().strip()
    return {
        "cores": os.cpu_count(),
        "cpu": model[1].strip() if model else platform.machine(),
        "kernel": platform.release(),
        "congestion_control": congestion,
        "is_virtual": bool(glob.glob("/sys/hypervisor/type")) or is_guest(),
        "irq_is_apart": irq_is_apart(),
        "nginx": first_version([tools["nginx"], "-v"]),
        "haproxy": first_version([tools["haproxy"], "-v"]),
        "evenkeel": first_version([binary, "--version"]),
        "commit": commit,
        "wrk": first_version([tools["wrk"], "--version"]),
        "h2load": first_version([tools["h2load"], "--version"]),
    }


def is_guest():
    with open("/proc/cpuinfo") as file:
        return re.search(r"^flags.*\bhypervisor\b", file.read(), re.MULTILINE) is not None
