import type { ServiceDefinition } from '../service-definition.ts'

export interface UnitPaths {
  /** The Node that runs the programs. */
  readonly node: string
  /** The command line that exits with 0 as soon as the daemon answers. */
  readonly ready: readonly string[]
  /** Folders that the daemon writes to; the rest of the disk is read-only for it. */
  readonly writable: readonly string[]
}

/** Time for the daemon to answer after its start, and to finish open requests at its end. */
const START_S = 30
const STOP_S = 120
const MAX_TASKS = 512

/**
 * The unit of systemd for the daemon, hardened: no new privileges, a disk that is read-only but for its own folders, no
 * access to devices and kernel settings. Namespaces stay allowed, because `mcp_hero` isolates programs with them.
 * Source: systemd.service(5), systemd.exec(5), systemd.resource-control(5).
 */
export function unitFile(definition: ServiceDefinition, { node, ready, writable }: UnitPaths): string {
  const environment = Object.entries(definition.environment)
  return [
    '[Unit]',
    'Description=LLM broker on Unix sockets in front of all providers',
    'Wants=network-online.target',
    'After=network-online.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${commandLine([node, definition.program, ...definition.args])}`,
    `ExecStartPost=${commandLine(ready)}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    ...environment.map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    'Restart=on-failure',
    'RestartSec=1',
    `TimeoutStartSec=${START_S}`,
    `TimeoutStopSec=${STOP_S}`,
    'KillMode=mixed',
    'UMask=0077',
    `TasksMax=${MAX_TASKS}`,
    'LimitNOFILE=65536',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'ProtectHome=read-only',
    `ReadWritePaths=${writable.map(quoted).join(' ')}`,
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    '',
    '[Install]',
    `WantedBy=${definition.scope === 'system' ? 'multi-user.target' : 'default.target'}`,
    '',
  ].join('\n')
}

function commandLine(words: readonly string[]): string {
  // In a command line `$` starts a variable; elsewhere it does not.
  return words.map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ')
}

/** Source: systemd.syntax(7), “Quoting”; `%` starts a specifier everywhere. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`
}
