import { BrokerError } from '../../../base/errors.ts'
import type { LineInput } from '../line-input.ts'
import type { Approve, Verdict } from './chat-tools.ts'

/** Asks the person at the keyboard about each call. */
export function approveInteractively(lines: Pick<LineInput, 'ask'>): Approve {
  return async () => (await lines.ask('run it? [y]es, [n]o, [a]lways ', readVerdict)) ?? 'stop'
}

const VERDICTS: readonly Verdict[] = ['yes', 'no', 'always']

function readVerdict(line: string): Verdict | undefined {
  const input = line.trim().toLowerCase()
  return input === '' ? undefined : VERDICTS.find((one) => one.startsWith(input))
}

export const approveAll: Approve = async () => 'yes'

/** Without a terminal there is no one to agree, so no tool runs. Throws `forbidden`. */
export const approveNothing: Approve = async ({ name }) => {
  throw new BrokerError(
    'forbidden',
    `the model wants to run “${name}” and there is no terminal to ask at; --yes lets tools run`,
  )
}
