// What the control socket offers: the interface `org.citygateway`, and what the daemon must give for it.
package import GatewayCore

/// The daemon as the control socket sees it. Called on the control thread, one call at a time; each call
/// should return within a second, since all clients wait for it.
package protocol ControlDelegate: AnyObject, Sendable {
  func status() -> StatusSnapshot
  /// Each point with its last reading, in the order of the configuration.
  func lastValues() -> [StatusSnapshot.Point]
  /// Reads the configuration again; the problems that kept it from being taken, none when it runs.
  func reload() -> [String]
  /// Makes every forwarder try now what it holds back; the rows that are queued.
  func flush() -> UInt64
}

package enum ControlInterface {
  package static let name = "org.citygateway"
  package static let defaultPath = "/run/gateway/control.sock"

  /// The interface definition (varlink.org, "Interface Definition"), as `GetInterfaceDescription` gives it.
  package static let description = """
    # A street-cabinet gateway: what it measures, stores and delivers.
    interface org.citygateway

    # state: ok, warning or critical
    type Gateway (
      id: string,
      version: string,
      state: string,
      reasons: []string,
      uptime: float,
      pid: int
    )

    type Clock (synchronized: bool, now: string)

    type Bus (
      name: string,
      type: string,
      state: string,
      requests: int,
      errors: int,
      lastError: ?string
    )

    # state: starting, ok, degraded or failed
    type Device (name: string, state: string)

    # unit is a UN/CEFACT code; quality: good, uncertain or bad
    type Point (
      name: string,
      value: ?float,
      unit: ?string,
      time: ?string,
      quality: string,
      reason: ?string
    )

    type Reading (
      point: string,
      value: ?float,
      unit: ?string,
      time: ?string,
      quality: string,
      reason: ?string
    )

    # stored = delivered + queued + evicted + quarantined; damaged is a part of evicted
    type Accounting (
      acquired: int,
      ringDropped: int,
      stored: int,
      delivered: int,
      queued: int,
      evicted: int,
      quarantined: int,
      damaged: int
    )

    type Store (
      capacity: int,
      used: int,
      oldest: ?string,
      commits: int,
      bytesWritten: int,
      fault: ?string
    )

    type Destination (
      name: string,
      state: string,
      delivered: int,
      queued: int,
      quarantined: int,
      lastSuccess: ?string,
      lastError: ?string,
      stored: int,
      evicted: int,
      retryIn: ?float
    )

    method Status() -> (
      gateway: Gateway,
      clock: Clock,
      buses: []Bus,
      devices: []Device,
      points: []Point,
      accounting: Accounting,
      store: Store,
      destinations: []Destination
    )

    # Each point with its last reading.
    method Sensors() -> (points: []Point)

    # The last reading of each point, then, when called with more, each new one. A name is a point's or a
    # device's; none means all. A client that reads too slowly gets the newest readings, not all.
    method Watch(points: ?[]string) -> (readings: []Reading)

    # Reads the configuration again. Only for root, the daemon's user and the socket's group.
    method Reload() -> ()

    # Delivers now what waits for a retry. Only for root, the daemon's user and the socket's group.
    method Flush() -> (queued: int)

    # The configuration has mistakes; the running one stays.
    error ConfigInvalid (problems: []string)

    # No more clients are served at once; the connection is closed.
    error TooManyClients (limit: int)

    """
}

/// The interface that every Varlink service has (varlink.org, "Service").
package enum ServiceInterface {
  package static let name = "org.varlink.service"

  package static let description = """
    # The Varlink Service Interface is provided by every varlink service. It
    # describes the service and the interfaces it implements.
    interface org.varlink.service

    # Get a list of all the interfaces a service provides and information
    # about the implementation.
    method GetInfo() -> (
      vendor: string,
      product: string,
      version: string,
      url: string,
      interfaces: []string
    )

    # Get the description of an interface that is implemented by this service.
    method GetInterfaceDescription(interface: string) -> (description: string)

    # The requested interface was not found.
    error InterfaceNotFound (interface: string)

    # The requested method was not found
    error MethodNotFound (method: string)

    # The interface defines the requested method, but the service does not
    # implement it.
    error MethodNotImplemented (method: string)

    # One of the passed parameters is invalid.
    error InvalidParameter (parameter: string)

    # Client is denied access
    error PermissionDenied ()

    # Method is expected to be called with 'more' set to true, but wasn't
    error ExpectedMore ()

    """
}
