/** The version of the protocol between brokers; its presence says that the sender is one. */
export const CASCADE_HEADER = 'x-aibroker-cascade'
