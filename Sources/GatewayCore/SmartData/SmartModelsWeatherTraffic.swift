// Facts of the Smart Data Models (https://smartdatamodels.org, CC BY 4.0): names, types, ranges and required
// attributes from each schema.json, units from the descriptions there. For the lines' form see `SmartModel.init`.

extension SmartModel {
  /// dataModel.Weather/WeatherObserved 0.3.4, commit adf1dd5918 of 2025-03-04.
  static let weatherObserved = SmartModel(
    "WeatherObserved", of: "Weather", required: ["dateObserved"],
    needsLocation: true,
    """
    weatherType text
    visibility number
    windDirection angle 0..360 u:DD
    windSpeed number 0.. u:MTS
    gustSpeed number u:MTS =max
    refPointOfInterest text
    atmosphericPressure number 0.. u:A97
    illuminance number 0.. u:LUX
    temperature number u:CEL
    feelsLikeTemperature number u:CEL
    relativeHumidity number 0..1 u:C62
    dateObserved date
    precipitation number 0.. u:MMT
    solarRadiation number 0.. u:D54
    directIrradiation number 0.. u:D54
    diffuseIrradiation number 0.. u:D54
    pressureTendency number
    dewPoint number u:CEL
    refDevice link
    streamGauge number 0.. u:CMT
    snowHeight number 0.. u:CMT
    uVIndexMax number 0..
    aqiMajorPollutant text
    aqiMajorPollutantForecast text
    airTemperatureForecast number u:CEL
    precipitationForecast number
    airQualityIndex number
    relativeHumidityForecast number
    airQualityIndexForecast number
    """)

  /// dataModel.Transportation/TrafficFlowObserved 0.0.1, commit 6aee14bc68 of 2026-02-02.
  static let trafficFlowObserved = SmartModel(
    "TrafficFlowObserved", of: "Transportation", required: ["dateObserved"],
    """
    laneId integer 1..
    refRoadSegment link
    dateObserved date
    dateObservedFrom date
    dateObservedTo date
    intensity number 0.. u:C62 =sum
    occupancy number 0..1 u:C62
    averageVehicleSpeed number 0.. u:KMH
    averageVehicleLength number 0.. u:MTR
    averageGapDistance number 0.. u:MTR
    congested flag
    averageHeadwayTime number 0.. u:SEC
    laneDirection word (forward,backward)
    reversedLane flag
    vehicleType word (agriculturalVehicle,bicycle,bus,minibus,car,caravan,tram,tanker,carWithCaravan,\
    carWithTrailer,lorry,moped,motorcycle,motorcycleWithSideCar,motorscooter,trailer,van,\
    constructionOrMaintenanceVehicle,trolley,binTrolley,sweepingMachine,cleaningTrolley)
    vehicleSubType text
    """)
}
