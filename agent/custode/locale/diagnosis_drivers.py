"""The doctor's words for the drivers' checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.locale.catalogue import mark
from custode.locale.diagnosis_rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE: Final[Mapping[str, str]] = {
    "volumes.room": mark("Room on the disk"),
    "volumes.writable": mark("Custode's folder can be written"),
    "volumes.kind": mark("The disk suits what Custode keeps"),
    "volumes.watched": mark("Folders in which backups appear"),
    "pcsc.service": mark("Reader service (PC/SC)"),
    "pcsc.cards": mark("Cards answer and let you in"),
    "pcsc.holders": mark("No other program holds a card"),
    "softhsm.folder": mark("SoftHSM's folder of tokens"),
    "pkcs11.module": mark("PKCS#11 module"),
    "portals.authority": mark("The authority"),
    "portals.clock": mark("The clock agrees with the authority's"),
    "logind.bus": mark("The system tells when the computer wakes up"),
}

_NO_SERVICE: Final = Row(mark("not looked at: the reader service cannot be used"))
_NOT_NEEDED: Final = Row(mark("no module is watched by the reader service"))
_START: Final = mark("the reader service does not run")
_LATER: Final = mark("try again later, or ask whoever runs the authority")

JUDGED: Final[Mapping[str, Row]] = {
    "works": Row(mark("{library}: loaded in {load_s} s; tokens: {tokens}")),
    "slow": Row(mark("{library}: it works, but took {load_s} s to load; tokens: {tokens}")),
    "in_use": Row(mark("the agent works with it just now")),
    "missing": Row(
        mark("{path} does not exist"),
        step=mark("install the package that brings {path}, or correct its path in {file}"),
    ),
    "unreadable": Row(mark("{path} cannot be read by you"), "sudo chmod a+r {path}"),
    "not_a_library": Row(
        mark("{path} is no program library"),
        step=mark("name the module itself in {file}: a file that ends in .so"),
    ),
    "other_machine": Row(
        mark("{path} is made for another kind of computer (for example 32 bits)"),
        step=mark("install the maker's package for this computer, and name its file in {file}"),
    ),
    "not_pkcs11": Row(
        mark("{path} is a library, but no PKCS#11 module"),
        step=mark("correct the path in {file}: the maker's documentation names the module"),
    ),
    "part_missing": Row(
        mark("{path} cannot be loaded: {part} is missing"),
        step=mark("install the package that brings {part}"),
    ),
    "hangs": Row(
        mark("{path} does not answer ({doing})"),
        step=mark("take the token out and put it in again; if it stays so, take it off {file}"),
    ),
    "crashes": Row(
        mark("{path} crashes ({doing}: {why})"),
        step=mark("install the maker's newest version of it, or take it off {file}"),
    ),
    "failed": Row(
        mark("{path} cannot be used: {why}"),
        step=mark("ask the module's maker about this error, or correct its settings in {file}"),
    ),
}

ROWS: Final[Mapping[str, Mapping[str, Row]]] = {
    "volumes.room": {
        "enough": Row(mark("{free} free")),
        "full": Row(
            mark("only {free} free where {path} lies; {needed} are needed"),
            step=mark("make room on the disk of {path}"),
        ),
        "no_files": Row(
            mark("the disk of {path} takes no more files"),
            step=mark("delete files from the disk of {path}"),
        ),
    },
    "volumes.writable": {
        "writable": Row(mark("{path} can be written")),
        "read_only": Row(
            mark("the disk of {path} can only be read"),
            step=mark("make the disk of {path} writable (mount -o remount,rw)"),
        ),
        "no_folder": Row(mark("{path} is in the way: it is no folder"), "mv {path} {path}.old"),
        "not_writable": Row(mark("you may not write to {path}"), "chmod u+rwx {path}"),
        "above_not_writable": Row(
            mark("Custode's folder is to be made in {path}, and you may not write there"),
            step=mark("have whoever owns {path} let you write there"),
        ),
    },
    "volumes.kind": {
        "local": Row(mark("a disk of this computer ({filesystem})")),
        "not_told": Row(mark("the system does not tell what kind of disk it is")),
        "network": Row(
            mark("{path} lies on a network disk ({filesystem}), where databases break"),
            step=mark("move {path} to a disk of this computer, and name it with CUSTODE_HOME"),
        ),
        "no_owners": Row(
            mark("{path} lies on a disk without permissions ({filesystem}): others can read it"),
            step=mark("move {path} to a disk of this computer, and name it with CUSTODE_HOME"),
        ),
    },
    "volumes.watched": {
        "open": Row(mark("{path} can be looked into")),
        "none": Row(mark("the settings name none")),
        "not_there": Row(mark("{path} is not there now")),
        "closed": Row(mark("you may not look into {path}"), "chmod u+rx {path}"),
    },
    "pcsc.service": {
        "works": Row(mark("it runs; readers: {readers}")),
        "not_needed": _NOT_NEEDED,
        "optional": Row(mark("it does not run; cards would need it, the named modules do not")),
        "no_library": Row(
            mark("the library of PC/SC is not installed"), "sudo apt-get install libpcsclite1"
        ),
        "not_installed": Row(
            mark("the reader service is not installed"), "sudo apt-get install pcscd"
        ),
        "not_running_systemd": Row(_START, "sudo systemctl enable --now pcscd.socket"),
        "not_running_sysv": Row(_START, "sudo service pcscd start"),
        "not_running": Row(_START, "sudo pcscd"),
        "refused": Row(
            mark("it runs, and does not let you in (polkit: org.debian.pcsc-lite.access_pcsc)"),
            step=mark("have the administrator allow it; docs/doctor.md has the polkit rule"),
        ),
        "failed": Row(
            mark("it runs, and answers {answer}"),
            step=mark("restart the reader service, for example: sudo systemctl restart pcscd"),
        ),
    },
    "pcsc.cards": {
        "reached": Row(mark("the card in {reader} can be reached")),
        "not_needed": _NOT_NEEDED,
        "no_service": _NO_SERVICE,
        "no_reader": Row(mark("no reader is plugged in")),
        "no_card": Row(mark("no card is in a reader")),
        "busy": Row(mark("not looked at: another program has its turn with the card in {reader}")),
        "refused": Row(
            mark(
                "you may not use the card in {reader} (polkit: org.debian.pcsc-lite.access_card):"
                " it looks as if no token were there"
            ),
            step=mark("have the administrator allow it; docs/doctor.md has the polkit rule"),
        ),
        "mute": Row(
            mark("the card in {reader} does not answer"),
            step=mark("take it out and put it in again, the chip first and facing up"),
        ),
    },
    "pcsc.holders": {
        "free": Row(mark("every card is free")),
        "no_service": _NO_SERVICE,
        "not_needed": _NOT_NEEDED,
        "held": Row(
            mark("a card is held by a program of another user"),
            step=mark("end the program that uses the card, or take the card out and put it in"),
        ),
        "held_by": Row(
            mark("a card is held by: {by}"), step=mark("end that program, or let it finish: {by}")
        ),
        "held_by_gpg": Row(mark("GnuPG holds a card: {by}"), "gpgconf --kill scdaemon"),
    },
    "softhsm.folder": {
        "there": Row(mark("{path} can be used")),
        "none": Row(mark("no module is watched by a folder")),
        "missing": Row(mark("{path} is not there"), "mkdir -p -m 700 {path}"),
        "closed": Row(mark("you may not read and write {path}"), "chmod u+rwx {path}"),
        "no_conf": Row(
            mark("{conf}, which SOFTHSM2_CONF names, cannot be read"),
            step=mark("write {conf}; it has to hold: directories.tokendir = {path}"),
        ),
        "another": Row(
            mark("{conf} names another folder than {path}"),
            step=mark("write into {conf}: directories.tokendir = {path}"),
        ),
    },
    "pkcs11.module": {
        **JUDGED,
        "no_settings": Row(mark("not looked at: the settings that name it cannot be read")),
        "by_card": Row(mark("none is named: modules are found for each card")),
        "none": Row(
            mark("no module is named, so no token can be seen"),
            step=mark('name your token\'s module in {file}: under [[module]], path = "/…/….so"'),
        ),
    },
    "portals.authority": {
        "reached": Row(mark("{address} answered after {took_s} s")),
        "none": Row(mark("there is none yet: it is made with the identity")),
        "agent_missing": Row(mark("not looked at: the agent starts it, and does not start itself")),
        "stopped": Row(
            mark("it is kept stopped (authority.autostart = false)"),
            step=mark("set autostart = true under [authority] in config.toml"),
        ),
        "lost": Row(
            mark("it is gone from {home}, and certificates depend on it"),
            step=mark("bring it back: custode authority restore FILE"),
        ),
        "not_started": Row(
            mark("it cannot be started: {why}"),
            step=mark("look into authority.log beside the agent's log"),
        ),
        "no_ca": Row(
            mark("its CA certificate cannot be read ({ca_certificate}): {why}"),
            step=mark("put the authority's CA certificate there: {ca_certificate}"),
        ),
        "other_ca": Row(
            mark("{ca_certificate} is not the CA certificate that is pinned here"),
            step=mark("put the right CA certificate there; never change the pin without asking"),
        ),
        "name": Row(
            mark("the name {host} is not found ({why})"),
            step=mark("correct authority.url in config.toml, or mend the network's name service"),
        ),
        "no_answer": Row(mark("nobody answers at {address}: {why}"), step=_LATER),
        "no_tls": Row(
            mark("what answers at {address} does not speak TLS"),
            step=mark("correct the port in authority.url in config.toml"),
        ),
        "untrusted": Row(
            mark("what answers at {address} is not the pinned authority"),
            step=mark("check address and network; never accept another fingerprint without asking"),
        ),
        "wrong_time": Row(
            mark("its certificate is not valid at this computer's time"),
            step=mark("set this computer's clock"),
        ),
        "silent": Row(mark("{address} takes the connection and then says nothing"), step=_LATER),
        "no_http": Row(mark("what answers at {address} is no authority"), step=_LATER),
    },
    "portals.clock": {
        "right": Row(mark("they differ by {difference_s} s")),
        "no_authority": Row(mark("there is no authority yet to agree with")),
        "not_asked": Row(mark("not looked at: the authority was not reached")),
        "wrong": Row(
            mark("here it is {here}, there {there}: they differ by {difference_s} s"),
            step=mark("set this computer's clock (sudo timedatectl set-ntp true keeps it right)"),
        ),
        "outside": Row(
            mark("the authority's certificate is not valid at {here}, this computer's time"),
            step=mark("set this computer's clock (sudo timedatectl set-ntp true keeps it right)"),
        ),
    },
    "logind.bus": {
        "there": Row(mark("the system bus answers")),
        "none": Row(mark("there is no system bus: the agent compares clocks instead")),
        "not_told": Row(mark("the system bus is elsewhere ({address})")),
        "closed": Row(
            mark("the system bus does not answer"),
            step=mark("restart the system bus: restart the computer"),
        ),
    },
}
