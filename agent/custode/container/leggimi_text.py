"""The words of `Leggimi.rtf`.

Blocks are parted by empty lines, and the first sign of one says what it is: `# ` title, `~ ` what
stands small below it, `!# ` and `! ` a box, `## ` heading, `- ` item, `1. ` step, `: ` caption of
the `$ ` command that follows, else text. `**bold**`, `{name}` is filled in. `@authority@` is where
a section about the embedded authority goes, `@export@` its commands, `@support@` whom to write
to; the other `@…@` differ by the kind of backup (`KINDS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from collections.abc import Mapping

ITALIAN: Final = """
# Copia di sicurezza di un certificato

~ Creata il {created} con Custode. (English text below.)

~ Identificativo della copia: {backup_id}

!# L’essenziale

! **Finché l’originale è attivo questa cartella non può essere usata.** Serve il giorno in cui il
token originale si smarrisce, viene rubato o si guasta.

! **Quel giorno segnalare subito l’accaduto** con Custode, poi seguire i quattro punti qui
sotto. Occorrono la password dell’account, questa cartella e il PIN della copia.

! **Il PIN non si scrive qui e non si comunica a nessuno:** il supporto non lo chiede mai.
Conservare la cartella lontano dal token originale.

! **Per assistenza:** @support@

## Che cos’è questa cartella

Custode è il programma che custodisce il certificato di un token, cioè la chiavetta o la carta che
ne contiene la chiave. Questa cartella ne è la copia di sicurezza e contiene:

- **iw.iwk** – il cuore della copia: @inside@, cifrata con il PIN della copia e chiusa con una
chiave che solo l’autorità «{authority}» può liberare;

- **Leggimi.rtf** – queste istruzioni;

- gli eventuali **file di accesso** copiati insieme, che non sono cifrati.

## Finché il certificato originale è attivo

La copia non può essere utilizzata. @before@

Per controllare che la cartella sia integra, in Custode: **Utilità → Verifica una copia…** Non
serve alcun PIN.

## Se l’originale si smarrisce, viene rubato o si guasta

Su un computer dove Custode è installato:

1. **Segnalare subito l’accaduto** (Utilità → Segnala smarrimento, furto o guasto…). Serve solo la
password dell’account, non il token. Per smarrimento o guasto il certificato è sospeso subito; per
furto è annullato subito e senza ritorno. Solo se qualcun altro può avere usato il token prima della
segnalazione, indicare anche l’ultimo giorno in cui lo si aveva sicuramente: ogni copia fatta dopo
quel giorno, anche questa, è allora ritirata per sempre, perché può averla fatta chi aveva il token.

2. **Chiedere l’attivazione della copia** (Utilità → Attiva una copia…), che il supporto deve
concedere. Servono questa cartella, il PIN della copia e la rete. @reason@ Attenzione: cinque PIN
errati in tutto bloccano la copia per sempre.

3. **Inserire un token nuovo** e, se non ha ancora un PIN, darglielo.

4. **Ripristinare la chiave** sul token nuovo. Da quel momento il token nuovo è l’originale, e
questa cartella e ogni suo duplicato non servono più: eseguire subito una nuova copia di sicurezza.

## Se si dimentica un PIN

- **Il PIN della copia:** nessuno può recuperarlo, nemmeno il supporto. Se l’originale funziona
ancora, ritirare questa copia e crearne una nuova. Se l’originale non c’è più, occorre una
riemissione.

- **Il PIN del token originale:** se il token si può sbloccare (Utilità → Sblocca PIN…), tutto
continua come prima. Se è irrecuperabile occorre una riemissione, cioè un nuovo certificato con un
nuovo PIN: questa copia non può sostituirla.

## Se si perde questa cartella

Ritirare questa copia, perché nessuno possa più chiederne l’attivazione, e crearne una nuova.
L’originale continua a funzionare.

@authority@

## A chi rivolgersi

@support@

## Gli stessi passi da un terminale

CARTELLA è il percorso di questa cartella, NUMERO-DI-SERIE quello del token nuovo.

: Controllare la copia; sapere perché è bloccata

$ custode backup verify CARTELLA

$ custode backup open CARTELLA

: Segnalare uno smarrimento, un furto, un guasto

$ custode report lost

$ custode report theft

$ custode report malfunction

: Indicare l’ultimo giorno in cui si aveva sicuramente il token

$ custode report lost --last-held GG/MM/AAAA

: Attivare la copia (--reason: @words@)

$ custode backup activate CARTELLA --reason @example@

: Leggere il numero di serie del token nuovo; dargli un PIN; ripristinare

$ custode token list

$ custode token init --token NUMERO-DI-SERIE

$ custode backup restore CARTELLA --token NUMERO-DI-SERIE

: Ritirare questa copia; chiedere una riemissione

$ custode backup retire {backup_id}

$ custode reissue --token NUMERO-DI-SERIE

@export@
"""

AUTHORITY_ITALIAN: Final = """
## Se si perde il computer

L’autorità «{authority}» si trova sul computer che ha creato questa copia. Senza la sua esportazione
di recupero, perdere quel computer significa non poter più sospendere né annullare il certificato.
Farla e conservarla altrove, mai insieme a questa cartella, e rifarla dopo ogni nuovo certificato.

Su un computer nuovo l’autorità ritorna chiusa: questa copia, come ogni copia fatta prima, è allora
bloccata per sempre, perché nessuno può dimostrare che non sia già stata usata. Se l’originale
funziona, eseguire subito una nuova copia; altrimenti segnalarlo e chiedere un nuovo certificato.
"""

EXPORT_ITALIAN: Final = """
: Esportare l’autorità; riportarla su un computer nuovo (ESPORTAZIONE è il file così creato)

$ custode authority backup --to CARTELLA

$ custode authority restore ESPORTAZIONE
"""

ENGLISH: Final = """
# Backup of a certificate

~ Made on {created} (day/month/year) with Custode.

~ Identifier of the backup: {backup_id}

!# In short

! **While the original is active this folder cannot be used.** It is for the day on which the
original token is lost, stolen or broken.

! **On that day report it at once** with Custode, then follow the four points below. It takes the
password of the account, this folder and the backup PIN.

! **Do not write the PIN here and do not tell it to anybody:** support never asks for it. Keep this
folder away from the original token.

! **For help:** @support@

## What this folder is

Custode is the program that looks after the certificate of a token, which is the stick or card that
holds its key. This folder is its backup and holds:

- **iw.iwk** – the heart of the backup: @inside@, encrypted under the backup PIN and locked with a
key that only the authority «{authority}» can let go;

- **Leggimi.rtf** – this text;

- the **access files** that were copied along, if any, which are not encrypted.

## While the original certificate is active

The backup cannot be used. @before@

To check that the folder is whole, in Custode: **Utilities → Verify a backup…** No PIN is needed.

## If the original is lost, stolen or broken

On a computer where Custode is installed:

1. **Report it at once** (Utilities → Report a loss, theft or fault…). This needs only the password
of the account, not the token. After loss or fault the certificate is suspended at once; after theft
it is cancelled at once and for good. Only if somebody else may have used the token before you
report it, give the last day on which you surely had it, too: every backup made after that day, this
one too, is then made void for ever, because whoever had the token may have made it.

2. **Ask for the activation of the backup** (Utilities → Activate a backup…), which support has to
grant. You need this folder, the backup PIN and the network. @reason@ Careful: five wrong PINs in
total lock the backup for ever.

3. **Insert a new token** and, if it has no PIN yet, give it one.

4. **Restore the key** onto the new token. From then on the new token is the original, and this
folder and all its duplicates are of no use: make a new backup at once.

## If you forget a PIN

- **The backup PIN:** nobody can recover it, not even support. If the original still works, retire
this backup and make a new one. If the original is gone, it takes a re-issue.

- **The PIN of the original token:** if the token can be unblocked (Utilities → Unblock PIN…), all
goes on as before. If its PIN cannot be recovered, it takes a re-issue, that is a new certificate
with a new PIN: this backup cannot stand in for it.

## If you lose this folder

Retire this backup, so that nobody can ask for its activation any more, and make a new one. The
original goes on working.

@authority@

## Whom to turn to

@support@

## The same steps in a terminal

FOLDER is the path of this folder, SERIAL-NUMBER the one of the new token.

: Check the backup; learn why it is blocked

$ custode backup verify FOLDER

$ custode backup open FOLDER

: Report a loss, a theft, a fault

$ custode report lost

$ custode report theft

$ custode report malfunction

: Give the last day on which you surely had the token

$ custode report lost --last-held DD/MM/YYYY

: Activate the backup (--reason: @words@)

$ custode backup activate FOLDER --reason @example@

: Read the serial number of the new token; give it a PIN; restore

$ custode token list

$ custode token init --token SERIAL-NUMBER

$ custode backup restore FOLDER --token SERIAL-NUMBER

: Retire this backup; ask for a re-issue

$ custode backup retire {backup_id}

$ custode reissue --token SERIAL-NUMBER

@export@
"""

AUTHORITY_ENGLISH: Final = """
## If you lose the computer

The authority «{authority}» lives on the computer that made this backup. Without its recovery
export, whoever loses that computer can no longer suspend or cancel the certificate. Make one, keep
it elsewhere, never together with this folder, and make another after every new certificate.

On a new computer the authority comes back closed: this backup, like every one made before, is then
locked for ever, because nobody can show that it was not used already. If the original works, make a
new backup at once; if not, report it and ask for a new certificate.
"""

EXPORT_ENGLISH: Final = """
: Export the authority; bring it back on a new computer (EXPORT is the file made in this way)

$ custode authority backup --to FOLDER

$ custode authority restore EXPORT
"""

NOBODY_ITALIAN: Final = """
chi si occupa di questo computer, o chi gestisce l’autorità «{authority}».
"""

NOBODY_ENGLISH: Final = """
whoever looks after this computer, or whoever runs the authority «{authority}».
"""

# What differs by the kind of backup: Italian, English.
KINDS: Final[Mapping[BackupKind, Mapping[str, tuple[str, str]]]] = {
    BackupKind.SUCCESSOR: {
        "inside": ("una chiave di riserva", "a spare key"),
        "before": (
            (
                "Per la chiave di riserva non esiste ancora alcun certificato: nasce"
                " all’attivazione, nello stesso momento in cui l’originale è annullato per sempre."
            ),
            (
                "No certificate exists yet for the spare key: it is made at activation, at the very"
                " moment in which the original is cancelled for good."
            ),
        ),
        "reason": (
            "Il motivo è quello segnalato.",
            "The reason is the one reported.",
        ),
        "words": (
            "lost per lo smarrimento, theft per il furto, malfunction per il guasto",
            "lost, theft, or malfunction for a fault",
        ),
        "example": ("lost", "lost"),
    },
    BackupKind.COPY: {
        "inside": ("la chiave stessa dell’originale", "the original’s own key"),
        "before": (
            (
                "Contiene la chiave stessa dell’originale, che ha già il suo certificato: la"
                " tengono chiusa l’autorità e il PIN, e si apre soltanto dentro un token che possa"
                " riceverla."
            ),
            (
                "It holds the original’s own key, which has its certificate already: the authority"
                " and the PIN keep it closed, and it opens only inside a token that can take it in."
            ),
        ),
        "reason": (
            (
                "**Questa copia serve soltanto dopo un guasto:** chi ha un token smarrito o rubato"
                " ha la stessa chiave, perciò la segnalazione la ritira per sempre e occorre"
                " un’altra copia oppure una riemissione. Prima di attivarla, inserire il token"
                " nuovo e dargli un PIN (punto 3): deve poter ricevere una chiave copiata."
            ),
            (
                "**This backup serves after a fault only:** whoever has a lost or stolen token has"
                " the same key, so the report makes it void for ever, and it takes another backup"
                " or a re-issue. Before you activate it, insert the new token and give it a PIN"
                " (point 3): it has to be one that can take a copied key in."
            ),
        ),
        "words": ("malfunction, cioè il guasto", "malfunction, that is a fault"),
        "example": ("malfunction", "malfunction"),
    },
}
