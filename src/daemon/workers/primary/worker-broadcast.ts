import type { Topic } from '../ipc/ipc-messages.ts'

/** Sends changed state to all workers. Does nothing until workers are connected, and so in a broker without workers. */
export class WorkerBroadcast {
  #send: ((topic: Topic) => Promise<void>) | undefined
  #registrySent = Promise.resolve()

  /** From now on changes go to the workers through `send`, which resolves when all have acknowledged. */
  connect(send: (topic: Topic) => Promise<void>): void {
    this.#send = send
  }

  async send(topic: Topic): Promise<void> {
    await this.#send?.(topic)
  }

  sendRegistry(): void {
    this.#registrySent = this.send('registry')
  }

  /** Resolves when all workers have the latest state of the provider registry. */
  registrySent(): Promise<void> {
    return this.#registrySent
  }
}
