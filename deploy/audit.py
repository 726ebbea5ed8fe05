"""Whether an installed package has a known vulnerability; see `make audit`.

    python deploy/audit.py PIP_AUDIT SITE_PACKAGES

pip-audit says "no known vulnerabilities" as well of packages about which it could ask nobody. Here that is a failure:
exit code 0 means that an advisory service knows every package and nothing against it, 1 that there is something, 2 that
some packages could not be audited, and why.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

_OWN = "voiceprint-appliance"
# Both answer from the same advisories; one of them may be reachable where the other is not.
_SERVICES = ("pypi", "osv")
_FORM = ("--format", "json", "--progress-spinner", "off")
_PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Report:
    """`vulnerable` packages with what is known of them, those that were `unknown` to the service, and all `asked`."""

    vulnerable: tuple[str, ...]
    unknown: tuple[str, ...]
    asked: int

    @property
    def exit_code(self) -> int:
        return 1 if self.vulnerable else 2 if self.unknown or not self.asked else 0


def judged(told: str) -> Report:
    """What pip-audit's JSON says. Raises ValueError or KeyError for anything else."""
    packages = [package for package in json.loads(told)["dependencies"] if package["name"] != _OWN]
    return Report(
        vulnerable=tuple(
            f"{package['name']} {package['version']}: {flaw['id']}, "
            f"repaired in {', '.join(flaw['fix_versions']) or 'no version yet'}"
            for package in packages
            for flaw in package.get("vulns", ())
        ),
        unknown=tuple(package["name"] for package in packages if "skip_reason" in package),
        asked=len(packages),
    )


def main(pip_audit: str, site_packages: str) -> int:
    for service in _SERVICES:
        words = [pip_audit, "--path", site_packages, *_FORM, "--vulnerability-service", service]
        asked = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)  # noqa: S603
        try:
            report = judged(asked.stdout)
        except (ValueError, KeyError):
            reason = (asked.stderr.strip() or "it said nothing").splitlines()[-1]
            print(f"the advisory service {service} could not be asked: {reason}", file=sys.stderr)
            continue
        for line in report.vulnerable:
            print(line)
        known = report.asked - len(report.unknown)
        print(
            f"{service}: {known} of {report.asked} packages are known, {len(report.vulnerable)} advisories",
            file=sys.stderr,
        )
        if report.unknown and known:
            print(f"not audited: {', '.join(report.unknown)}", file=sys.stderr)
        if known:
            return report.exit_code
    print("no advisory service could be asked: nothing is known of any package", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
