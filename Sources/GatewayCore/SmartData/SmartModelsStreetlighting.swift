// Facts of the Smart Data Models (https://smartdatamodels.org, CC BY 4.0): names, types, ranges and required
// attributes from each schema.json, units from the descriptions there. For the lines' form see `SmartModel.init`.

extension SmartModel {
  /// dataModel.Streetlighting/Streetlight 0.2.1, commit 1df857d463 of 2024-10-31.
  static let streetlight = SmartModel(
    "Streetlight", of: "Streetlighting", required: ["status"],
    needsLocation: true,
    """
    circuit text
    refStreetlightModel link
    refStreetlightControlCabinet link
    status word (brokenLantern,columnIssue,defectiveLamp,ok)
    powerState word (bootingUp,low,off,on)
    refDevice links
    refStreetlightGroup link
    dateLastLampChange date
    dateLastSwitchingOn date
    dateLastSwitchingOff date
    controllingMethod word (group,individual)
    dateServiceStarted date
    locationCategory word (bridge,centralIsland,facade,garden,park,parking,pedestrianPath,playground,\
    road,sidewalk,tunnel)
    lanternHeight number 0.. u:MTR
    lifetimeMotionDetected number
    lifetimePowerConsumption number u:KWH/WHR
    illuminanceLevel number 0..1 u:C62
    powerConsumption number u:WTT/KWT
    current number u:AMP/4K
    powerRating number u:WTT/KWT
    powerFactor number u:C62
    voltage number u:VLT
    feederPillarNum text
    streetPoleNum text
    observationDateTime date
    feederID link
    """)

  /// dataModel.Streetlighting/StreetlightControlCabinet 0.1.0, commit 1df857d463 of 2024-10-31.
  static let streetlightControlCabinet = SmartModel(
    "StreetlightControlCabinet", of: "Streetlighting", required: ["refStreetlightGroup", "workingMode"],
    needsLocation: true,
    """
    serialNumber text
    refStreetlightGroup links
    brandName text
    modelName text
    manufacturerName text
    cupboardMadeOf word (concrete,metal,other,plastic)
    features words (astronomicalClock,individualControl)
    compliantWith words
    refDevice links
    dateServiceStarted date
    dateLastProgramming date
    nextActuationDeadline date
    responsible text
    workingMode word (automatic,manual,semiautomatic)
    maximumPowerAvailable number 0.. u:KWT
    energyConsumed number 0.. u:KWH
    energyCost number 0..
    reactiveEnergyConsumed number 0.. u:K3
    dateMeteringStarted date
    lastMeterReading number 0.. u:KWH
    meterReadingPeriod number 0.. u:DAY
    frequency number 0.. u:HTZ
    totalActivePower number 0.. u:KWT
    totalReactivePower number 0.. u:KVR
    activePowerR number 0.. u:KWT
    activePowerS number 0.. u:KWT
    activePowerT number 0.. u:KWT
    reactivePowerR number 0.. u:KVR
    reactivePowerS number 0.. u:KVR
    reactivePowerT number 0.. u:KVR
    powerFactorR number -1..1 u:C62
    powerFactorS number -1..1 u:C62
    powerFactorT number -1..1 u:C62
    cosPhi number -1..1 u:C62
    intensityR number 0.. u:AMP
    intensityS number 0.. u:AMP
    intensityT number 0.. u:AMP
    voltageR number 0.. u:VLT
    voltageS number 0.. u:VLT
    voltageT number 0.. u:VLT
    thdrVoltageR number 0..1 u:C62
    thdrVoltageS number 0..1 u:C62
    thdrVoltageT number 0..1 u:C62
    thdrIntensityR number 0..1 u:C62
    thdrIntensityS number 0..1 u:C62
    thdrIntensityT number 0..1 u:C62
    """)
}
