"""The words of `Leggimi.rtf`.

Blocks are parted by empty lines: `# ` title, `## ` heading, `- ` item, `$ ` command, else text.
`{name}` is filled in; `@authority@` is where a section about the embedded authority goes.
"""

from __future__ import annotations

from typing import Final

ITALIAN: Final = """
# Copia di sicurezza di un certificato

Questa cartella è stata creata da Custode il {created}.

Identificativo della copia: {backup_id}

## Che cosa contiene

- iw.iwk – il cuore della copia: una chiave di riserva, cifrata con il PIN della copia e chiusa con
una chiave che solo l’autorità «{authority}» può liberare.

- Leggimi.rtf – queste istruzioni.

- Gli eventuali file di accesso copiati insieme. Questi non sono cifrati.

## Finché il certificato originale è attivo

La copia non può essere utilizzata. Per la chiave di riserva non esiste ancora alcun certificato:
nasce all’attivazione, nello stesso momento in cui l’originale è annullato per sempre. Per
controllare la copia, o per sapere perché è bloccata (CARTELLA è il percorso di questa cartella):

$ custode backup verify CARTELLA

$ custode backup open CARTELLA

## Smarrimento, furto o guasto dell’originale

1. Segnalare subito l’accaduto. Serve solo la password dell’account, non il dispositivo. Per
smarrimento o guasto il certificato è sospeso subito; per furto è annullato subito e senza ritorno.

$ custode report lost

$ custode report theft

$ custode report malfunction

Se si conosce l’ultimo giorno in cui l’originale era sicuramente in proprio possesso, aggiungere:
--last-held AAAA-MM-GG

2. Chiedere l’attivazione della copia, che il supporto deve concedere. Il motivo è lost, theft o
malfunction. Servono il PIN della copia e la rete. Attenzione: cinque PIN errati in tutto bloccano
la copia per sempre.

$ custode backup activate CARTELLA --reason lost

3. Inserire un dispositivo nuovo e ripristinare la chiave su di esso:

$ custode backup restore CARTELLA --token NUMERO-DI-SERIE

Da quel momento questa cartella e ogni suo duplicato non servono più. Eseguire subito una nuova
copia di sicurezza.

## PIN dimenticato

Nessuno può recuperare il PIN della copia, nemmeno il supporto. Se l’originale funziona ancora,
ritirare questa copia e crearne una nuova. Se l’originale non c’è più, oppure è il suo PIN a essere
irrecuperabile, non vi è attivazione: occorre una riemissione, cioè un nuovo certificato con un
nuovo PIN. Rivolgersi al supporto.

## Se si perde questa cartella

Ritirare la copia: l’originale continua a funzionare. Poi crearne una nuova.

$ custode backup retire {backup_id}

@authority@

## A chi scrivere

{support}

Conservare la cartella lontano dal dispositivo originale. Non scrivere qui il PIN e non inviarlo a
nessuno: il supporto non lo chiede mai.
"""

AUTHORITY_ITALIAN: Final = """
## Se si perde il computer

L’autorità «{authority}» si trova sul computer che ha creato questa copia. Senza la sua esportazione
di recupero, perdere quel computer significa perdere anche questa copia. Conservare l’esportazione
altrove, mai insieme a questa cartella.
"""

ENGLISH: Final = """
# Backup of a certificate

Custode made this folder on {created} (day/month/year).

Identifier of the backup: {backup_id}

## What is in it

- iw.iwk – the heart of the backup: a spare key, encrypted under the backup PIN and locked with a
key that only the authority «{authority}» can let go.

- Leggimi.rtf – this text.

- The access files that were copied along, if any. Those are not encrypted.

## While the original certificate is active

The backup cannot be used. No certificate exists yet for the spare key: it is made at activation, at
the very moment in which the original is cancelled for good. To check the backup, or to learn why it
is blocked (FOLDER is the path of this folder):

$ custode backup verify FOLDER

$ custode backup open FOLDER

## Original lost, stolen or broken

1. Report it at once. This needs only the password of the account, not the token. After loss or
fault the certificate is suspended at once; after theft it is cancelled at once and for good.

$ custode report lost

$ custode report theft

$ custode report malfunction

If you know the last day on which the original was surely in your hands, add: --last-held YYYY-MM-DD

2. Ask for the activation of the backup, which support has to grant. The reason is lost, theft or
malfunction. You need the backup PIN and the network. Careful: five wrong PINs in total lock the
backup for ever.

$ custode backup activate FOLDER --reason lost

3. Insert a new token and restore the key onto it:

$ custode backup restore FOLDER --token SERIAL-NUMBER

From then on this folder and all its duplicates are of no use. Make a new backup at once.

## PIN forgotten

Nobody can recover the backup PIN, not even support. If the original still works, retire this backup
and make a new one. If the original is gone, or if its own PIN cannot be recovered, there is no
activation but a re-issue: a new certificate with a new PIN. Turn to support.

## If you lose this folder

Retire the backup: the original goes on working. Then make a new one.

$ custode backup retire {backup_id}

@authority@

## Whom to write to

{support}

Keep this folder away from the original token. Do not write the PIN here and do not send it to
anybody: support never asks for it.
"""

AUTHORITY_ENGLISH: Final = """
## If you lose the computer

The authority «{authority}» lives on the computer that made this backup. Without its recovery
export, to lose that computer is to lose this backup as well. Keep the export elsewhere, never
together with this folder.
"""
