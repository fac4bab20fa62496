import { BrokerError } from '../../../base/errors.ts'
import type { ChatLines } from '../line-input.ts'
import type { Approve, Verdict } from './chat-tools.ts'

/** Asks the person at the keyboard about each call. */
export function approveByHand({ ask }: Pick<ChatLines, 'ask'>): Approve {
  return async () => (await ask('run it? [y]es, [n]o, [a]lways ', readVerdict)) ?? 'stop'
}

const VERDICTS: readonly Verdict[] = ['yes', 'no', 'always']

function readVerdict(line: string): Verdict | undefined {
  const said = line.trim().toLowerCase()
  return said === '' ? undefined : VERDICTS.find((one) => one.startsWith(said))
}

export const approveAll: Approve = async () => 'yes'

/** Who can't be asked hasn't agreed. */
export const approveNothing: Approve = async ({ name }) => {
  throw new BrokerError('forbidden', `“${name}” wants to run and nobody can be asked; --yes lets tools run`)
}
