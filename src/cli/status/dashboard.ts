import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { describeCommand, globalsOf, socketsOf } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { print, printJson } from '../terminal/terminal.ts'

export function dashboardCommand(cli: Cli): Command {
  return describeCommand('dashboard', 'Open the dashboard with a link that logs in once', [
    'hero_aibroker dashboard',
    'hero_aibroker dashboard --no-open',
  ])
    .option('--no-open', 'only print the link')
    .action(async ({ open }: { open: boolean }, command: Command) => {
      const globals = globalsOf(command)
      const link = await newLink(join(dirname(socketsOf(cli, globals).rpc), 'admin.sock'))
      if (globals.json) return printJson(cli.terminal, { link })
      print(cli.terminal, link)
      if (open && process.stdout.isTTY) openInBrowser(link)
    })
}

/** Asks the running dashboard for a link. Throws `unreachable` when there is none. */
async function newLink(socketPath: string): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const outgoing = request({ socketPath, path: '/api/link', method: 'POST', agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part: string) => (body += part))
      answer.once('end', () => resolve(body))
    })
    outgoing.once('error', (error) =>
      reject(
        new BrokerError(
          'unreachable',
          `no dashboard is running at ${socketPath}; start one with: hero_aibroker_admin --port 33851`,
          { cause: error },
        ),
      ),
    )
    outgoing.end()
  })
  const { link, error } = JSON.parse(text) as { link?: string; error?: { message: string } }
  if (link === undefined) throw new BrokerError('not-found', error?.message ?? 'the dashboard gave no link')
  return link
}

/** A browser that cannot be opened is no error: the link is printed. */
function openInBrowser(link: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const child = spawn(program, [link], { stdio: 'ignore', detached: true })
  child.once('error', () => undefined)
  child.unref()
}
