import type { Command, CommanderError } from 'commander'
import { ERRORS } from '../base/errors.ts'
import { writeOrExit } from './output/write-or-exit.ts'

/** Exits with the code of `bad-request` on a usage error. Commander's own exit code, 1, stands for a bug. */
export function exitOnUsageError(program: Command): Command {
  return program
    .configureOutput({ writeOut: (text) => writeOrExit(program.name(), text) })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride(({ exitCode }: CommanderError) =>
      process.exit(exitCode === 0 ? 0 : ERRORS['bad-request'].exit),
    )
}
