import { systemClock } from '../../../base/clock.ts'
import { OutputWriter } from '../../../runtime/output/output-writer.ts'

/** Standard error of the program, for the operator. Writing never blocks and never throws. */
export const diagnostics = new OutputWriter({
  fd: 2,
  clock: systemClock,
  onRecovered: (lost) => diagnostics.write(`${lost} lines could not be written and are lost\n`),
})
