import type { Command, CommanderError } from 'commander'
import { ERRORS } from '../base/errors.ts'

/** Commander ends a misused program with 1, which is a bug's; here it ends as a bad setting does. */
export function tellMisuse(program: Command): Command {
  return program
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride(({ exitCode }: CommanderError) =>
      process.exit(exitCode === 0 ? 0 : ERRORS['bad-request'].exit),
    )
}
