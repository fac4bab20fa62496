import { existsSync } from 'node:fs'

/** Starts one of our MCP servers: from source in a clone, from `dist` in the published package. */
export async function launch(name) {
  if (Number(process.versions.node.split('.')[0]) < 24) {
    console.error(
      `${name} needs Node 24 or newer, this is ${process.version}. Run it through npm ("npx ${name}"), which brings one.`,
    )
    process.exit(1)
  }
  const source = new URL('../src/servers/program.ts', import.meta.url)
  const built = new URL('../dist/servers/program.js', import.meta.url)
  const { runServer } = await import((existsSync(source) ? source : built).href)
  process.exitCode = await runServer(name, process.argv.slice(2))
}
