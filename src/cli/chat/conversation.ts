import { asBrokerError } from '../../base/errors.ts'
import type { Client } from '../../sdk/index.ts'
import { formatDetails } from './response-output.ts'
import { approveAll, approveInteractively } from './tools/tool-approval.ts'
import { createCompletion } from './line-completion.ts'
import { createLineInput } from './line-input.ts'
import type { Session } from './session.ts'
import { runTurn } from './turn.ts'
import { QUIT, runSlashCommand } from './slash-commands.ts'
import { formatFailure } from '../terminal/exit-error.ts'
import { paint, print, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Runs a conversation until `/quit` or Ctrl-D. Ctrl-C stops a response, never the conversation. */
export async function runChatLoop(
  terminal: Terminal,
  client: Client,
  session: Session,
  { yes }: { readonly yes: boolean },
): Promise<void> {
  let pending: AbortController | undefined
  const dim = (text: string) => print(terminal, paint(terminal, 'dim', text))
  using lines = createLineInput(terminal, {
    prompt: paint(terminal, ['bold', 'cyan'], '› '),
    complete: createCompletion(client),
    onEnd: () => pending?.abort(),
    onInterrupt(typed) {
      pending?.abort()
      if (pending === undefined && !typed) dim('Ctrl-D or /quit ends the conversation')
    },
  })

  dim(`Talking to ${session.model}. /help lists the commands; Ctrl-D quits.`)
  for (;;) {
    const line = (await lines.next())?.trim()
    if (line === undefined) return print(terminal, '')
    if (line === '') continue
    if (line.startsWith('/')) {
      const output = await runSlashCommand(line, session, client).catch((thrown: unknown) =>
        formatFailure(asBrokerError(thrown)),
      )
      if (output === QUIT) return
      dim(output)
      continue
    }
    pending = new AbortController()
    lines.setMuted(true)
    await respond(line, pending.signal)
    lines.setMuted(false)
    pending = undefined
  }

  async function respond(message: string, signal: AbortSignal): Promise<void> {
    try {
      const approve = yes ? approveAll : approveInteractively(lines)
      const response = await runTurn(message, { terminal, client, session, approve, signal })
      dim(`${formatDetails(response)}\n`)
    } catch (thrown) {
      const line = withoutControls(formatFailure(asBrokerError(thrown)))
      print(terminal, `${paint(terminal, 'red', 'failed')} ${line}\n`)
    }
  }
}
