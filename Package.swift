// swift-tools-version: 6.2
import PackageDescription

// No Swift packages: the toolchain's own modules, and C libraries that the distribution patches.
// Arrows point only down; the README draws the floors.

let house: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

func floor(_ name: String, _ below: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: below, swiftSettings: house)
}

func program(_ name: String, _ below: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: below, swiftSettings: house)
}

func tests(_ name: String, _ below: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: below, exclude: exclude, swiftSettings: house)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
  name: "street-cabinet-gateway",
  products: [
    .executable(name: "gatewayd", targets: ["gatewayd"]),
    .executable(name: "gatewayctl", targets: ["gatewayctl"]),
    .executable(name: "gateway-sim", targets: ["gateway-sim"]),
    .executable(name: "gateway-bench", targets: ["gateway-bench"]),
  ],
  targets: [
    .systemLibrary(name: "CSystem"),
    library("CModbus", pkgConfig: "libmodbus", apt: "libmodbus-dev"),
    library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    library("CCrypto", pkgConfig: "libssl", apt: "libssl-dev"),
    library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    library("CYaml", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    library("CGnutls", pkgConfig: "gnutls", apt: "libgnutls28-dev"),
    library("CMicrohttpd", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),

    // libgpiod 1.6 and 2.x share no call: the one place where that shows.
    .target(name: "CGpio", linkerSettings: [.linkedLibrary("gpiod")]),

    // The benchmark's yardstick in C++; no program that is installed links it.
    .target(name: "CBenchRing"),

    floor("GatewayCore", []),
    floor("GatewaySystem", ["GatewayCore", "CSystem"]),

    floor("GatewayYAML", ["GatewayCore", "GatewaySystem", "CYaml"]),
    floor("GatewaySources", ["GatewayCore", "GatewaySystem", "CModbus", "CGpio"]),
    floor("GatewayStore", ["GatewayCore", "GatewaySystem"]),
    // Apart from the uplink, so that gatewayctl has it without libcurl.
    floor("GatewayGzip", ["GatewayCore", "CZlib"]),
    floor("GatewayUplink", ["GatewayCore", "GatewaySystem", "GatewayGzip", "CCurl", "CCrypto"]),
    floor("GatewayControl", ["GatewayCore", "GatewaySystem"]),

    floor(
      "GatewayDaemon",
      [
        "GatewayCore", "GatewaySystem", "GatewayYAML", "GatewaySources", "GatewayStore",
        "GatewayUplink", "GatewayControl",
      ]),
    floor(
      "GatewaySimulator",
      ["GatewayCore", "GatewaySystem", "GatewayYAML", "CMicrohttpd", "CGnutls", "CZlib"]),

    program("gatewayd", ["GatewayDaemon"]),
    program(
      "gatewayctl", ["GatewayCore", "GatewaySystem", "GatewayYAML", "GatewayControl", "GatewayGzip"]),
    program("gateway-sim", ["GatewaySimulator", "GatewayStore", "GatewayCore", "GatewaySystem"]),
    program(
      "gateway-bench",
      [
        "GatewayCore", "GatewaySystem", "GatewaySources", "GatewayStore", "GatewayUplink",
        "GatewayDaemon", "GatewaySimulator", "GatewayYAML", "CBenchRing", "CModbus",
      ]),

    tests("GatewayCore", ["GatewayCore"], exclude: ["Fixtures", "Quality/qartod_reference.py"]),
    tests("GatewaySystem", ["GatewaySystem", "GatewayCore", "GatewaySimulator"]),
    tests("GatewayYAML", ["GatewayYAML", "GatewaySystem", "GatewayCore"], exclude: ["Fixtures"]),
    tests("GatewaySources", ["GatewaySources", "GatewaySystem", "GatewayCore", "GatewaySimulator"]),
    tests("GatewayBench", ["gateway-bench", "GatewaySimulator", "GatewayCore"]),
    tests("GatewayStore", ["GatewayStore", "GatewaySystem", "GatewayCore"], exclude: ["Fixtures"]),
    tests("GatewayGzip", ["GatewayGzip", "GatewayCore"]),
    tests(
      "GatewayUplink",
      ["GatewayUplink", "GatewayGzip", "GatewaySystem", "GatewayCore", "GatewaySimulator"],
      exclude: ["sensorthings_server.py"]),
    tests("GatewayControl", ["GatewayControl", "GatewaySystem", "GatewayCore"]),
    tests("GatewaySimulator", ["GatewaySimulator", "GatewaySystem", "GatewayCore"]),
    tests(
      "GatewayDaemon",
      [
        "GatewayDaemon", "GatewaySimulator", "GatewaySystem", "GatewayCore", "GatewayYAML",
        "GatewaySources", "GatewayStore", "GatewayControl", "GatewayGzip", "gatewayd", "gatewayctl",
        "gateway-sim",
      ],
      exclude: ["pymodbus_device.py", "windows_pandas.py"]),
  ],
  swiftLanguageModes: [.v6]
)
