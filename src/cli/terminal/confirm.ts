import { createInterface } from 'node:readline/promises'

import { BrokerError } from '../../base/errors.ts'
import { isInteractive, type Terminal } from './terminal.ts'

/** Whether the person at the terminal agrees. Throws `bad-request` where there is no terminal: a script says `--yes`. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  if (!isInteractive(terminal))
    throw new BrokerError('bad-request', 'this needs your consent and there is no terminal; add --yes')
  const lines = createInterface({ input: terminal.input, output: terminal.output })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
