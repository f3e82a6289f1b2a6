// Facts of the Smart Data Models (https://smartdatamodels.org, CC BY 4.0): names, types, ranges and required
// attributes from each schema.json, units from the descriptions there. For the lines' form see `SmartModel.init`.

extension SmartModel {
  /// dataModel.Environment/AirQualityObserved 0.1.4, commit f0150e5c97 of 2026-06-27.
  static let airQualityObserved = SmartModel(
    "AirQualityObserved", of: "Environment", required: ["dateObserved"],
    needsLocation: true,
    """
    dateObserved date
    areaServed text
    airQualityIndex integer 0..
    airQualityLevel text
    reliability number 0..1
    as number 0.. u:GQ/GP/59/61
    c6h6 number 0.. u:GQ/GP/59/61
    cd number 0.. u:GQ/GP/59/61
    co number 0.. u:GQ/GP/59/61
    coLevel text
    co2 number 0.. u:GQ/GP/59/61
    ni number 0.. u:GQ/GP/59/61
    no number 0.. u:GQ/GP/59/61
    no2 number 0.. u:GQ/GP/59/61
    nox number 0.. u:GQ/GP/59/61
    o3 number 0.. u:GQ/GP/59/61
    pm10 number 0.. u:GQ/GP
    pm25 number 0.. u:GQ/GP
    pb number 0.. u:GQ/GP/59/61
    precipitation number 0.. u:MMT
    relativeHumidity number 0..1 u:C62
    sh2 number 0.. u:GQ/GP/59/61
    so2 number 0.. u:GQ/GP/59/61
    typeofLocation word (indoor,outdoor)
    volatileOrganicCompoundsTotal number 0.. u:GQ/GP/59/61
    refDevice link
    refPointOfInterest link
    refWeatherObserved link
    temperature number u:CEL
    windDirection angle -180..180 u:DD
    windSpeed number 0.. u:MTS
    pm1 number u:GQ/GP
    pm4 number 0.. u:GQ/GP
    tpc integer 0..
    tsp integer 0..
    pressure number 0.. u:A97
    charge number 0..
    """)

  /// dataModel.Environment/NoiseLevelObserved 0.2.1, commit f0150e5c97 of 2026-06-27.
  static let noiseLevelObserved = SmartModel(
    "NoiseLevelObserved", of: "Environment", required: ["dateObservedFrom", "dateObservedTo"],
    needsLocation: true,
    """
    dateObserved date
    dateObservedFrom date
    dateObservedTo date
    sonometerClass word (0,1,2)
    refDevice link
    refPointOfInterest link
    refWeatherObserved link
    LAS number u:2N =chosen
    LAeq number u:2N =chosen
    LAeq_d number u:2N =chosen
    LAmax number u:2N =max
    obstacles text
    heightAverage text
    distanceAverage text
    """)

  /// dataModel.Environment/WaterObserved 0.0.4, commit f0150e5c97 of 2026-06-27.
  static let waterObserved = SmartModel(
    "WaterObserved", of: "Environment", required: ["dateObserved"],
    needsLocation: true,
    """
    refDevice link
    dateObserved date
    dateObservedFrom date
    dateObservedTo date
    flow number 0.. u:MQS/MQH/G51
    height number 0.. u:MTR
    swellHeight number 0.. u:MTR
    swellPeriod number 0.. u:SEC
    swellDirection angle 0..360 u:DD
    waveLength number 0.. u:MTR
    measuredArea number 0.. u:MTK
    objectArea number 0.. u:MTK
    objectHeightAverage number 0.. u:MTR
    objectHeightMax number 0.. u:MTR
    objectVolume number 0.. u:MTQ
    waterLevel number 0.. u:MTR
    waterDischarge number 0.. u:MTQ
    """)

  /// dataModel.Environment/FloodMonitoring 0.0.1, commit f0150e5c97 of 2026-06-27.
  static let floodMonitoring = SmartModel(
    "FloodMonitoring", of: "Environment", required: [],
    """
    alertLevel number u:MTR
    currentLevel number u:MTR
    dangerLevel number u:MTR
    measuredDistance number u:MTR
    referenceLevel number u:MTR
    floodLevelStatus text
    stationID text
    observationDateTime date
    """)
}
