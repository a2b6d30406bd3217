"""The words of `Leggimi.rtf`.

Blocks are parted by empty lines: `# ` title, `## ` heading, `- ` item, `$ ` command, else text.
`{name}` is filled in; `@authority@` is where a section about the embedded authority goes,
`@support@` where it says whom to write to; the other `@…@` differ by the kind of backup (`KINDS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from collections.abc import Mapping

ITALIAN: Final = """
# Copia di sicurezza di un certificato

Questa cartella è stata creata il {created} da Custode, il programma che custodisce il certificato
di un token (la chiavetta o la carta che ne contiene la chiave). I comandi qui sotto si scrivono in
un terminale, su un computer dove Custode è installato.

Identificativo della copia: {backup_id}

## Che cosa contiene

- iw.iwk – il cuore della copia: @inside@, cifrata con il PIN della copia e chiusa con una chiave
che solo l’autorità «{authority}» può liberare.

- Leggimi.rtf – queste istruzioni.

- Gli eventuali file di accesso copiati insieme. Questi non sono cifrati.

## Finché il certificato originale è attivo

La copia non può essere utilizzata. @before@ Per controllare la copia, o per sapere perché è
bloccata (CARTELLA è il percorso di questa cartella):

$ custode backup verify CARTELLA

$ custode backup open CARTELLA

## Smarrimento, furto o guasto dell’originale

1. Segnalare subito l’accaduto. Serve solo la password dell’account, non il token. Per smarrimento o
guasto il certificato è sospeso subito; per furto è annullato subito e senza ritorno. Il comando è,
nell’ordine, per lo smarrimento, per il furto e per il guasto:

$ custode report lost

$ custode report theft

$ custode report malfunction

Solo se qualcun altro può avere usato il token prima della segnalazione, aggiungere l’ultimo giorno
in cui lo si aveva sicuramente: --last-held GG/MM/AAAA. Attenzione: ogni copia fatta dopo quel
giorno, anche questa, è allora ritirata per sempre, perché può averla fatta chi aveva il token. Il
comando mostra prima quali.

2. Chiedere l’attivazione della copia, che il supporto deve concedere. @reason@ Servono il PIN
della copia e la rete. Attenzione: cinque PIN errati in tutto bloccano la copia per sempre.

$ custode backup activate CARTELLA --reason @example@

3. Inserire un token nuovo, leggerne il numero di serie e, se non ha ancora un PIN, darglielo:

$ custode token list

$ custode token init --token NUMERO-DI-SERIE

4. Ripristinare la chiave su di esso:

$ custode backup restore CARTELLA --token NUMERO-DI-SERIE

Da quel momento questa cartella e ogni suo duplicato non servono più. Eseguire subito una nuova
copia di sicurezza.

## PIN dimenticato

Nessuno può recuperare il PIN della copia, nemmeno il supporto. Se l’originale funziona ancora,
ritirare questa copia e crearne una nuova. Se l’originale non c’è più, oppure è il suo PIN a essere
irrecuperabile, non vi è attivazione: occorre una riemissione, cioè un nuovo certificato con un
nuovo PIN.

$ custode reissue --token NUMERO-DI-SERIE

## Se si perde questa cartella

Ritirare la copia: l’originale continua a funzionare. Poi crearne una nuova.

$ custode backup retire {backup_id}

@authority@

## A chi rivolgersi

@support@

Conservare la cartella lontano dal token originale. Non scrivere qui il PIN e non inviarlo a
nessuno: il supporto non lo chiede mai.
"""

AUTHORITY_ITALIAN: Final = """
## Se si perde il computer

L’autorità «{authority}» si trova sul computer che ha creato questa copia. Senza la sua esportazione
di recupero, perdere quel computer significa non poter più sospendere né annullare il certificato.
Farla e conservarla altrove, mai insieme a questa cartella, e rifarla dopo ogni nuovo certificato:

$ custode authority backup --to CARTELLA

Su un computer nuovo, dove ESPORTAZIONE è il file così creato:

$ custode authority restore ESPORTAZIONE

L’autorità ritorna chiusa: questa copia, come ogni copia fatta prima, è allora bloccata per sempre,
perché nessuno può dimostrare che non sia già stata usata. Se l’originale funziona, eseguire subito
una nuova copia; altrimenti segnalarlo e chiedere un nuovo certificato.
"""

ENGLISH: Final = """
# Backup of a certificate

This folder was made on {created} (day/month/year) by Custode, the program that looks after the
certificate of a token (the stick or card that holds its key). The commands below are typed in a
terminal, on a computer where Custode is installed.

Identifier of the backup: {backup_id}

## What is in it

- iw.iwk – the heart of the backup: @inside@, encrypted under the backup PIN and locked with a key
that only the authority «{authority}» can let go.

- Leggimi.rtf – this text.

- The access files that were copied along, if any. Those are not encrypted.

## While the original certificate is active

The backup cannot be used. @before@ To check the backup, or to learn why it
is blocked (FOLDER is the path of this folder):

$ custode backup verify FOLDER

$ custode backup open FOLDER

## Original lost, stolen or broken

1. Report it at once. This needs only the password of the account, not the token. After loss or
fault the certificate is suspended at once; after theft it is cancelled at once and for good. The
command is, in this order, for a loss, for a theft and for a fault:

$ custode report lost

$ custode report theft

$ custode report malfunction

Only if somebody else may have used the token before you report it, add the last day on which you
surely had it: --last-held DD/MM/YYYY. Careful: every backup made after that day, this one too, is
then made void for ever, because whoever had the token may have made it. The command shows first
which ones.

2. Ask for the activation of the backup, which support has to grant. @reason@ You need the backup
PIN and the network. Careful: five wrong PINs in total lock the backup for ever.

$ custode backup activate FOLDER --reason @example@

3. Insert a new token, read its serial number and, if it has no PIN yet, give it one:

$ custode token list

$ custode token init --token SERIAL-NUMBER

4. Restore the key onto it:

$ custode backup restore FOLDER --token SERIAL-NUMBER

From then on this folder and all its duplicates are of no use. Make a new backup at once.

## PIN forgotten

Nobody can recover the backup PIN, not even support. If the original still works, retire this backup
and make a new one. If the original is gone, or if its own PIN cannot be recovered, there is no
activation but a re-issue: a new certificate with a new PIN.

$ custode reissue --token SERIAL-NUMBER

## If you lose this folder

Retire the backup: the original goes on working. Then make a new one.

$ custode backup retire {backup_id}

@authority@

## Whom to turn to

@support@

Keep this folder away from the original token. Do not write the PIN here and do not send it to
anybody: support never asks for it.
"""

AUTHORITY_ENGLISH: Final = """
## If you lose the computer

The authority «{authority}» lives on the computer that made this backup. Without its recovery
export, whoever loses that computer can no longer suspend or cancel the certificate. Make one, keep
it elsewhere, never together with this folder, and make another after every new certificate:

$ custode authority backup --to FOLDER

On a new computer, where EXPORT is the file made in this way:

$ custode authority restore EXPORT

The authority comes back closed: this backup, like every one made before, is then locked for ever,
because nobody can show that it was not used already. If the original works, make a new backup at
once; if not, report it and ask for a new certificate.
"""

NOBODY_ITALIAN: Final = """
A chi si occupa di questo computer, o a chi gestisce l’autorità «{authority}».
"""

NOBODY_ENGLISH: Final = """
To whoever looks after this computer, or whoever runs the authority «{authority}».
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
            (
                "Il motivo (--reason) è quello segnalato: lost per lo smarrimento, theft per il"
                " furto, malfunction per il guasto."
            ),
            "The reason (--reason) is the one reported: lost, theft, or malfunction for a fault.",
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
                "Questa copia serve soltanto dopo un guasto: chi ha un token smarrito o rubato ha"
                " la stessa chiave, perciò la segnalazione la ritira per sempre e occorre un’altra"
                " copia oppure una riemissione. Prima di attivarla, inserire il token nuovo e"
                " dargli un PIN (punto 3): deve poter ricevere una chiave copiata."
            ),
            (
                "This backup serves after a fault only: whoever has a lost or stolen token has the"
                " same key, so the report makes it void for ever, and it takes another backup or a"
                " re-issue. Before you activate it, insert the new token and give it a PIN (point"
                " 3): it has to be one that can take a copied key in."
            ),
        ),
        "example": ("malfunction", "malfunction"),
    },
}
