/** Adds the contender's name and the step to an error of `work`. */
export async function withFailureContext<T>(name: string, what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw new Error(`${name} failed at “${what}”: ${String(cause)}`, { cause })
  }
}
