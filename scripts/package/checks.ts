/** Ends a check with the first thing that is not as it should be. */
export function assert(isTrue: boolean, problem: string): void {
  if (!isTrue) throw new Error(problem)
}

export function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(16)} ${value}\n`)
}
